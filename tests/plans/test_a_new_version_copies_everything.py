"""A version starts from another one as its exact copy, and as a draft of its own."""

from typing import Any

import pytest

from plans.models import PlanVersion
from plans.publishing import new_version
from plans.terms import read_terms
from tests.builders import FEB, JAN, fee, make_feature, make_plan, offer, publish, rate, tier

pytestmark = pytest.mark.django_db


def contents(version: PlanVersion) -> dict[str, Any]:
    """Return everything a version holds, without the numbers of its rows."""
    return {
        "version": [getattr(version, name) for name in ("interval_unit", "interval_count", "anchor", "proration")],
        "fees": [
            (one.code, one.kind, one.label, one.amount, one.billed, one.position)
            for one in version.fees.order_by("position")
        ],
        "features": [
            (one.feature.code, one.consumption, one.included, one.static_value, one.position, prices(one))
            for one in version.features.order_by("position")
        ],
    }


def prices(granted: Any) -> list[Any]:
    return [(price.currency, rates(price)) for price in granted.prices.order_by("currency")]


def rates(price: Any) -> list[Any]:
    return [
        (
            (one.label, one.match, one.model, one.unit_price, one.package_size, one.position),
            sorted(map(str, one.tiers.values_list("up_to", "unit_price", "flat_fee"))),
        )
        for one in price.rates.order_by("position")
    ]


@pytest.fixture
def source() -> PlanVersion:
    ladder = [tier(10, "1", 5), tier(None, "0.123456789012")]
    priced = {"USD": [rate("0.05", match={"model": "a"}, label="A"), rate(tiers=ladder)], "EUR": [rate("0.04")]}
    fees = [fee("5"), fee("4", currency="EUR"), fee("9", kind="one_time"), fee("8", kind="one_time", currency="EUR")]
    offers = [
        offer("api.calls", included="12.5", prices=priced),
        offer("storage", prices={"USD": [rate("7", model="package", package_size=100)], "EUR": [rate("1")]}),
        offer("seats", included=3, consumption="hard_cap"),
        offer(make_feature("history", kind="static"), static_value="30 days"),
    ]
    return publish(make_plan("starter", fees=fees, offers=offers, anchor="anniversary", proration="day", count=3))


def test_with_every_row_below_it(source: PlanVersion):
    copy = new_version(source=source, by=None, at=FEB, note="Summer prices")
    assert contents(copy) == contents(source)
    assert (copy.number, copy.state, copy.copied_from, copy.note) == (2, "draft", source, "Summer prices")


def test_in_rows_of_its_own(source: PlanVersion):
    before = contents(source)
    copy = new_version(source=source, by=None, at=FEB)
    copy.fees.update(amount=99)
    copy.features.filter(feature__code="seats").delete()
    assert contents(source) == before


def test_that_charges_the_same(source: PlanVersion):
    copy = publish(new_version(source=source, by=None, at=JAN), at=FEB)
    for currency in ("USD", "EUR"):
        old, new = (read_terms(version, currency) for version in (source, copy))
        assert [(one.code, one.included, one.unit) for one in new.features] == [
            (one.code, one.included, one.unit) for one in old.features
        ]
        assert [[r.charge for r in one.price.rates] for one in new.features] == [
            [r.charge for r in one.price.rates] for one in old.features
        ]


def test_in_a_fixed_number_of_queries(source: PlanVersion, django_assert_max_num_queries):
    with django_assert_max_num_queries(20):
        new_version(source=source, by=None, at=FEB)
