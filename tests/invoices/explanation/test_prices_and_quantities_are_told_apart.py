"""A charge's difference is split into the quantity at the former price and the rest, where the lines allow it."""

from decimal import Decimal as D

import pytest

from invoices.explanation.bridge import build_bridge
from lib.money import round_money
from tests.docs_tables import rows
from tests.invoices.explanation.sample_invoices import (
    fee_line,
    former,
    line,
    make_explained,
    part,
    seats_line,
    usage_line,
)

GRADUATED = [part("100", "0.10", end="100"), part("50", "0.05", start="100", end="500")]
VOLUME = [part("150", "0.05", start="100")]
PACKAGES = [part("2", "1", end="200")]


def usage(quantity: str, amount: str, parts: list, rate_id: int = 2, **fields) -> object:
    return usage_line("Tokens", quantity, amount, parts=parts, rate_id=rate_id, **fields)


CASES = [
    # former, now, quantity effect, price effect, change, why
    (usage("100", "1.00", [part("100", "0.01")], 1), usage("150", "1.50", [part("150", "0.01")], 1), "0.50", None,
     None, "the same published rate has the same price"),
    (usage("100", "1.00", [part("100", "0.01")], 1), usage("150", "3.00", [part("150", "0.02")]), "0.50", "1.50",
     None, "50 more at 0.01, then 150 at 0.01 more"),
    (usage("100", "1.00", [part("100", "0.01")], 1), usage("100", "2.00", [part("100", "0.02")]), None, "1.00", None,
     "the price alone"),
    (usage("100", "1.00", [part("100", "0.01")], 1), usage("50", "1.00", [part("50", "0.02")]), "-0.50", "0.50", None,
     "half of it at twice the price costs the same"),
    (usage("3", "0.01", [part("3", "0.0025")], 1), usage("4", "0.02", [part("4", "0.005")]), None, "0.01", None,
     "4 at the former price are rounded to 0.01 too"),
    (usage("150", "12.50", GRADUATED, 1), usage("200", "4.00", [part("200", "0.02")]), "2.50", "-11.00", None,
     "50 more in the second tier, then a flat price"),
    (usage("150", "12.50", GRADUATED, 1), usage("600", "12.00", [part("600", "0.02")]), None, None, "-0.50",
     "the former line doesn't show the price above 500"),
    (usage("150", "7.50", VOLUME, 1), usage("200", "4.00", [part("200", "0.02")]), None, None, "-3.50",
     "the former line doesn't show the prices of fewer units"),
    (usage("150", "2.00", PACKAGES, 1), usage("200", "4.00", [part("200", "0.02")]), None, None, "2.00",
     "packages are not units"),
    (usage("400", "1.00", [part("100", "0.01")], 1, included="300"), usage("400", "4.00", [part("400", "0.01")]),
     None, "3.00", None, "the smaller allowance is a new price"),
    (usage("100", "1.00", [part("100", "0.01")], 1), usage("100", "0.80", [part("100", "0.008")], 1,
     explanation={"agreed": [{"figure": "percent", "value": "-20"}]}), None, "-0.20", None,
     "an agreed price, although the rate is the same"),
    (usage("9", "9.00", [part("9", "9")], 1), usage("2", "4.00", [part("2", "2")]), None, None, "-5.00",
     "the former workings don't explain its amount"),
    (usage("9", "9.00", [part("9", "1")], 1, explanation={"cumulative": "9"}),
     usage("2", "4.00", [part("2", "2")], 1), None, None, "-5.00",
     "a difference to an amount billed before has no price"),
    (seats_line(4), seats_line(6), "50.00", None, None, "two more seats"),
    (seats_line(4), seats_line(6, price="30"), "50.00", "30.00", None, "two more seats, then 6 × 5.00"),
    (seats_line(4), seats_line(4, included=2), None, None, "-50.00", "included seats are no longer in the quantity"),
    (fee_line("Base fee", "31.00"), fee_line("Base fee", "35.00"), None, "4.00", None, "a new fee"),
    (line("true_up", "Shortfall", "5.00"), line("true_up", "Shortfall", "4.00"), None, None, "-1.00",
     "it has no price"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "quantity", "price", "change", "why"), CASES, ids=[case[-1] for case in CASES]
)
def test_a_difference_is_split_where_the_parts_allow_it(before, after, quantity, price, change, why):
    bridge = build_bridge(former(before), make_explained(after))
    steps = {step.effect: step.amount for step in bridge.steps}
    wanted = {"quantity": quantity, "price": price, "change": change}
    assert steps == {name: D(amount) for name, amount in wanted.items() if amount is not None}, why
    assert bridge.has_same_prices is (price is None and change is None), why


@pytest.mark.parametrize("row", rows("invoices.md", "bridge"), ids=lambda row: row["why"])
def test_the_documented_differences_are_split_so(row):
    def line_of(units: str, price: str, rate_id: int) -> object:
        amount = round_money(D(units) * D(price), "USD")
        return usage(units, str(amount), [part(units, price)], rate_id)

    before = line_of(row["units before"], row["price before"], 1)
    after = line_of(row["units"], row["price"], 2)
    steps = {step.effect: step.amount for step in build_bridge(former(before), make_explained(after)).steps}
    wanted = {"quantity": row["by quantity"], "price": row["by price"]}
    assert steps == {name: D(amount) for name, amount in wanted.items() if amount}


def test_a_charge_is_matched_by_its_price_and_not_by_its_label():
    before = usage_line("Tokens", "100", "1.00", subject="feature:tokens:{}")
    after = usage_line("Input tokens", "150", "1.50", subject="feature:tokens:{}")
    (step,) = build_bridge(former(before), make_explained(after)).steps
    assert (step.effect, step.amount, step.before, step.after) == ("quantity", D("0.50"), D(100), D(150))


def test_values_of_a_split_price_are_apart():
    before = usage_line("Tokens: a", "100", "1.00", explanation={"value": "a"}, subject="feature:tokens:{}")
    after = usage_line("Tokens: b", "100", "1.00", explanation={"value": "b"}, subject="feature:tokens:{}")
    steps = build_bridge(former(before), make_explained(after)).steps
    assert [(step.effect, step.amount) for step in steps] == [("new", D("1.00")), ("ended", D("-1.00"))]


def test_subscriptions_of_a_consolidated_invoice_are_apart():
    alpha, beta = (fee_line("Base fee", "31.00", section=name) for name in ("alpha", "beta"))
    (step,) = build_bridge(
        former(alpha, beta), make_explained(beta, fee_line("Base fee", "20.00", section="alpha"))
    ).steps
    assert (step.effect, step.amount) == ("price", D("-11.00"))


def test_a_subscription_that_joins_others_is_compared_with_its_own_invoice():
    alone = former(fee_line("Base fee", "31.00"))
    together = make_explained(
        fee_line("Base fee", "31.00", section="alpha"), line("one_off", "Help", "5.00", section="beta")
    )
    (step,) = build_bridge(alone, together).steps
    assert (step.effect, step.label, step.amount) == ("new", "Help", D("5.00"))
