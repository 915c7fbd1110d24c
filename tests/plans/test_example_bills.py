"""An example bill equals the invoice for a period of that usage, by the function that bills."""

from decimal import Decimal
from typing import Any

import pytest

from lib.currencies import CREDITS
from plans.catalog.example_bills import ExampleBill, compute_bill, list_usages
from plans.catalog.stored_terms import VersionTerms, list_currencies, read_terms
from plans.models import PlanVersion
from tests.builders import fee, make_feature, make_meter, make_plan, offer, rate

pytestmark = pytest.mark.django_db


def tokens(**fields: Any) -> dict[str, Any]:
    meter = make_meter("tokens", aggregation="sum", value_property="count", dimensions=["model"], unit="token")
    return offer(make_feature("tokens", meter=meter), **fields)


def terms(version: PlanVersion) -> VersionTerms:
    return read_terms(version, "USD")


def bill_of(version: PlanVersion, *quantities: str) -> ExampleBill:
    uses = list_usages(terms(version))
    return compute_bill(terms(version), dict(zip(uses, map(Decimal, quantities), strict=True)))


def test_it_has_base_fees_and_usage_rounded_per_line():
    fees = [fee("19.99"), fee("99", kind="one_time")]
    bill = bill_of(make_plan("pro", fees=fees, offers=[offer("calls", included=200, rates=[rate("0.055")])]), "201")
    assert (bill.lines, bill.total) == ({"Base fee": Decimal("19.99"), "calls": Decimal("0.06")}, Decimal("20.05"))


def test_it_has_one_periods_part_of_a_fee_for_several_periods():
    bill = bill_of(make_plan("pro", fees=[fee("1000", every=12), fee("5", label="Support")]))
    assert bill.lines == {"Base fee (1/12)": Decimal("83.33"), "Support": Decimal("5.00")}


def test_each_rate_is_listed_once_for_all_versions():
    rates = [rate("1", match={"model": "a"}, label="A"), rate("2", label="others")]
    versions = [make_plan("pro", offers=[tokens(rates=offered)]) for offered in (rates, rates[1:])]
    assert [use.label for use in list_usages(*map(terms, versions))] == ["tokens, A", "tokens, others"]


def test_usage_is_rated_by_the_best_matching_rate_of_each_version():
    rates = [rate("1", match={"model": "a"}), rate("2")]
    before, after = (make_plan("pro", offers=[tokens(rates=offered)]) for offered in (rates, rates[1:]))
    quantities = dict.fromkeys(list_usages(terms(before)), Decimal(10))
    assert [compute_bill(terms(version), quantities).total for version in (before, after)] == [
        Decimal(30),
        Decimal(40),
    ]


def test_usage_without_a_price_is_named():
    before, after = (
        make_plan("pro", offers=[tokens(rates=[rate("1", match={"model": "a"})])]),
        make_plan("pro", offers=[offer("calls", rates=[rate("1")])]),
    )
    quantities = dict.fromkeys(list_usages(terms(before)), Decimal(10))
    assert compute_bill(terms(after), quantities).unpriced == ("10 of tokens",)


def test_usage_paid_by_a_wallet_is_not_on_the_bill():
    prepaid = offer("calls", prices={CREDITS: [rate("0.5")]}, included=2, consumption="credits")
    bill = bill_of(make_plan("pro", fees=[fee("5")], offers=[prepaid]), "12")
    assert (bill.total, bill.drawdowns) == (Decimal(5), {("calls", CREDITS): Decimal(5)})


def test_default_quantities_have_visible_amounts():
    version = make_plan(
        "pro", offers=[tokens(included=50, rates=[rate("0.0000025")]), offer("calls", rates=[rate("1")])]
    )
    assert list(list_usages(terms(version)).values()) == [Decimal(1_000_050), Decimal(1_000)]


def test_a_version_charges_in_the_currencies_of_its_fees_and_prices():
    prices = {"JPY": [rate("1")], "EUR": [rate("1")]}
    assert list_currencies(make_plan("pro", fees=[fee("1")], offers=[offer("calls", prices=prices)])) == [
        "EUR",
        "JPY",
        "USD",
    ]


@pytest.mark.parametrize("raised", ["large", "small"])
def test_a_change_of_each_rate_is_visible_above_a_shared_allowance(raised):
    def version(**prices):
        rates = [rate(prices.get(name, "0.000002"), match={"model": name}) for name in ("large", "small")]
        return terms(make_plan(offers=[offer(f"calls-{len(prices)}", included=5_000_000, rates=rates)]))

    before, after = version(), version(**{raised: "0.000003"})
    totals = [compute_bill(version_terms, list_usages(version_terms)).total for version_terms in (before, after)]
    assert totals[0] < totals[1]
