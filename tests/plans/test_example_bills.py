"""An example bill is what a period of that usage would be invoiced at, by the function that bills."""

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


def worked_out(version: PlanVersion, *quantities: str) -> ExampleBill:
    uses = list_usages(terms(version))
    return compute_bill(terms(version), dict(zip(uses, map(Decimal, quantities), strict=True)))


def test_it_has_the_base_fees_and_the_usage_rounded_as_lines_are():
    fees = [fee("19.99"), fee("99", kind="one_time")]
    found = worked_out(
        make_plan("pro", fees=fees, offers=[offer("calls", included=200, rates=[rate("0.055")])]), "201"
    )
    assert (found.lines, found.total) == ({"Base fee": Decimal("19.99"), "calls": Decimal("0.06")}, Decimal("20.05"))


def test_of_a_fee_for_several_periods_it_has_the_part_of_one():
    found = worked_out(make_plan("pro", fees=[fee("1000", every=12), fee("5", label="Support")]))
    assert found.lines == {"Base fee (1/12)": Decimal("83.33"), "Support": Decimal("5.00")}


def test_it_asks_for_each_rate_once_whichever_versions_have_it():
    rates = [rate("1", match={"model": "a"}, label="A"), rate("2", label="others")]
    versions = [make_plan("pro", offers=[tokens(rates=some)]) for some in (rates, rates[1:])]
    assert [use.label for use in list_usages(*map(terms, versions))] == ["tokens, A", "tokens, others"]


def test_usage_takes_the_rate_that_matches_it_best_in_each_version():
    rates = [rate("1", match={"model": "a"}), rate("2")]
    before, after = (make_plan("pro", offers=[tokens(rates=some)]) for some in (rates, rates[1:]))
    used = dict.fromkeys(list_usages(terms(before)), Decimal(10))
    assert [compute_bill(terms(version), used).total for version in (before, after)] == [Decimal(30), Decimal(40)]


def test_usage_without_a_price_is_named():
    before, after = (
        make_plan("pro", offers=[tokens(rates=[rate("1", match={"model": "a"})])]),
        make_plan("pro", offers=[offer("calls", rates=[rate("1")])]),
    )
    used = dict.fromkeys(list_usages(terms(before)), Decimal(10))
    assert compute_bill(terms(after), used).unpriced == ("10 of tokens",)


def test_what_a_wallet_pays_is_on_no_bill():
    prepaid = offer("calls", prices={CREDITS: [rate("0.5")]}, included=2, consumption="credits")
    found = worked_out(make_plan("pro", fees=[fee("5")], offers=[prepaid]), "12")
    assert (found.total, found.drawdowns) == (Decimal(5), {("calls", CREDITS): Decimal(5)})


def test_it_begins_with_quantities_that_come_to_something():
    version = make_plan(
        "pro", offers=[tokens(included=50, rates=[rate("0.0000025")]), offer("calls", rates=[rate("1")])]
    )
    assert list(list_usages(terms(version)).values()) == [Decimal(1_000_000), Decimal(1_000)]


def test_a_version_charges_in_the_currencies_of_its_fees_and_prices():
    prices = {"JPY": [rate("1")], "EUR": [rate("1")]}
    assert list_currencies(make_plan("pro", fees=[fee("1")], offers=[offer("calls", prices=prices)])) == [
        "EUR",
        "JPY",
        "USD",
    ]
