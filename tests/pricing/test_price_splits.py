"""A price split by a property has a line, tiers and possibly an allowance for each value."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.money import round_money
from plans.pricing.charge_models import Flat, Graduated, PerUnit, PriceTier
from plans.pricing.price_splits import PriceSplit, derive_rates, split_key, to_split_text
from plans.pricing.rating import PriceTerms, RateTerms, rate_usage
from plans.pricing.validation import InvalidCharge
from tests.pricing.strategies import LAW
from tests.pricing.worked_numbers import rows

D = Decimal
LADDER = Graduated((PriceTier(D(100), D(1)), PriceTier(None, D("0.5"))))
SENT = {"(none)": None, '""': "", "1": 1, "1.0": D("1.0")}


def split_price(bound=1000, *, each=False, positions=None, **terms):
    split = PriceSplit("api_key", bound, each)
    listed = (RateTerms(7, (), LADDER, "calls"),)
    return PriceTerms("USD", derive_rates(listed, split, positions or {}), split=split, **terms)


def rate_in_order(used, bound=1000, *, each=False, included=20):
    """Rate (value, quantity) pairs in the order of their arrival; return text → amount."""
    positions, quantities = {}, {}
    for value, quantity in used:
        if value not in positions and len(positions) < bound:
            positions[value] = len(positions) + 1
        key = split_key(7, positions.get(value, 0))
        quantities[key] = quantities.get(key, D(0)) + quantity
    price = split_price(bound, each=each, positions=positions, included=D(included))
    return {line.value: round_money(line.amount, "USD") for line in rate_usage(price, quantities).lines}


@pytest.mark.parametrize("row", rows("split-prices"), ids=lambda row: row["calls"])
def test_values_are_billed_as_documented(row):
    pairs = [pair.split(" ") for pair in row["calls"].split(", ")]
    used = [(to_split_text(SENT.get(value, value)), D(count)) for value, count in pairs]
    amounts = rate_in_order(used, int(row["most values"]), each=row["allowance"] == "each")
    assert ", ".join(f"{text} {amount:f}" for text, amount in amounts.items()) == row["lines"]
    assert sum(amounts.values()) == D(row["total"])


USED = st.lists(st.tuples(st.sampled_from([None, "", "a", "b", "c"]), st.decimals(0, 500, places=1)), max_size=12)


@LAW
@given(USED, st.randoms(use_true_random=False), st.booleans())
def test_values_in_any_order_have_the_same_amounts_within_the_bound(used, random, each):
    shuffled = random.sample(used, len(used))
    assert rate_in_order(used, each=each) == rate_in_order(shuffled, each=each)


@LAW
@given(USED, st.integers(1, 4), st.booleans())
def test_the_lines_hold_all_usage_and_no_more_than_the_allowance_is_free(used, bound, each):
    positions = {value: number for number, value in enumerate(dict.fromkeys(value for value, _ in used), 1)}
    positions = {value: number for value, number in positions.items() if number <= bound}
    quantities = {}
    for value, quantity in used:
        key = split_key(7, positions.get(value, 0))
        quantities[key] = quantities.get(key, D(0)) + quantity
    rating = rate_usage(split_price(bound, each=each, positions=positions, included=D(20)), quantities)
    assert rating.quantity == sum(quantity for _, quantity in used)
    for line in rating.lines:
        assert line.included <= (0 if each and line.value == "other" else 20)
    if not each:
        assert sum(line.included for line in rating.lines) <= 20


def test_a_value_has_one_allowance_for_all_of_its_rates():
    split = PriceSplit("api_key", allowance_per_value=True)
    listed = (RateTerms(1, (("model", "large"),), PerUnit(D(2)), "large"), RateTerms(2, (), PerUnit(D(1)), "small"))
    price = PriceTerms("USD", derive_rates(listed, split, {"a": 1, "b": 2}), included=D(10), split=split)
    used = {split_key(1, 1): D(6), split_key(2, 1): D(6), split_key(2, 2): D(6)}
    assert [(line.label, line.included) for line in rate_usage(price, used).lines] == [
        ("large: a", 6),
        ("small: a", 4),
        ("small: b", 6),
    ]


def test_a_minimum_holds_for_the_sum_of_the_lines():
    price = split_price(positions={"a": 1, "b": 2}, minimum=D(100))
    rating = rate_usage(price, {split_key(7, 1): D(30), split_key(7, 2): D(50)})
    assert (rating.amount, rating.invoiced_amount) == (D(80), D(100))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        ("", ""),
        ("1.0", "1.0"),
        (1, "1"),
        (D("1.00"), "1"),
        (D("1E+2"), "100"),
        (True, "true"),
        ({"a": 1}, None),
        ([1], None),
    ],
)
def test_equal_numbers_are_one_value_and_texts_stay_as_they_are(value, text):
    assert to_split_text(value) == text


@pytest.mark.parametrize("bound", [0, 10_001])
def test_the_bound_is_1_to_10000(bound):
    with pytest.raises(InvalidCharge, match=r"1 to 10,000 values"):
        PriceSplit("api_key", bound)


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ({"rates": (RateTerms(1, (), Flat(D(5))),)}, "is a flat fee"),
        ({"rates": (RateTerms(1, (("api_key", "a"),), PerUnit(D(1))),)}, "matches api_key, by which"),
        ({"rates": (RateTerms(1, (), PerUnit(D(1))),), "model": "hard_cap"}, "can't be split"),
    ],
)
def test_a_price_that_cannot_be_split_is_refused(terms, message):
    with pytest.raises(InvalidCharge, match=message):
        PriceTerms("USD", split=PriceSplit("api_key"), **terms)
