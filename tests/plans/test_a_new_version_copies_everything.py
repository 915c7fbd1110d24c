"""A new version starts as an exact copy of another one, and as an independent draft."""

from decimal import Decimal
from typing import Any

import pytest

from plans.catalog.comparison import compare
from plans.catalog.stored_terms import read_terms
from plans.catalog.version_schema import content_fields, version_tables
from plans.catalog.version_snapshot import read_contents, read_rows
from plans.models import PlanVersion
from plans.publishing.publication import new_version
from tests.builders import (
    FEB,
    JAN,
    commitment,
    fee,
    included,
    make_feature,
    make_plan,
    offer,
    publish,
    rate,
    threshold,
    tier,
)
from tests.different_values import another

pytestmark = pytest.mark.django_db

LIMITS = [{"kind": "quota", "most": Decimal(9), "after": "slow", "slow_to": Decimal(3), "window_unit": "day"}]


GRANTED = (
    *("code", "unit", "amount", "every", "lasts", "days", "rolls_over", "rollover_most"),
    *("priority", "features", "in_trial"),
)


def contents(version: PlanVersion) -> dict[str, Any]:
    """Return all contents of a version, without the ids of its rows."""
    return {
        "version": [
            getattr(version, name)
            for name in ("interval_unit", "interval_count", "anchor", "proration", "trial_days", "trial_usage")
        ],
        "fees": [
            (fee.code, fee.kind, fee.label, fee.amount, fee.billed, fee.basis, fee.included, fee.least, fee.most)
            for fee in version.fees.order_by("position")
        ],
        "commitments": list(
            version.commitments.order_by("currency").values_list(
                *("currency", "minimum", "feature", "units", "per_window"),
                *("periods", "overage_factor", "discount", "trues_up"),
            )
        ),
        "included": list(version.included_credits.order_by("code").values_list(*GRANTED)),
        "features": [
            (
                feature.feature.code,
                feature.consumption,
                feature.included,
                feature.static_value,
                feature.position,
                prices(feature),
            )
            for feature in version.features.order_by("position")
        ],
    }


def prices(granted: Any) -> list[Any]:
    return [(price.currency, rates(price)) for price in granted.prices.order_by("currency")]


def rates(price: Any) -> list[Any]:
    return [
        (
            (rate.label, rate.match, rate.model, rate.unit_price, rate.package_size, rate.position),
            sorted(map(str, rate.tiers.values_list("up_to", "unit_price", "flat_fee"))),
        )
        for rate in price.rates.order_by("position")
    ]


@pytest.fixture
def source() -> PlanVersion:
    ladder = [tier(10, "1", 5), tier(None, "0.123456789012")]
    priced = {"USD": [rate("0.05", match={"model": "a"}, label="A"), rate(tiers=ladder)], "EUR": [rate("0.04")]}
    fees = [fee("5"), fee("4", currency="EUR"), fee("9", kind="one_time"), fee("8", kind="one_time", currency="EUR")]
    fees += [
        fee("3", label="Seats", basis="seat", included=1, least=2, most=9, currency=currency)
        for currency in ("USD", "EUR")
    ]
    offers = [
        offer("api.calls", included="12.5", prices=priced),
        offer("storage", prices={"USD": [rate("7", model="package", package_size=100)], "EUR": [rate("1")]}),
        offer("seats", included=3, consumption="hard_cap", limits=LIMITS),
        offer(make_feature("history", kind="static"), static_value="30 days"),
    ]
    promised = [
        commitment(100, factor=2, periods=12),
        commitment(units=90, feature="api.calls", currency="EUR", discount="7.5", trues_up=False),
    ]
    rhythm = {"anchor": "anniversary", "proration": "day", "count": 3, "trial_days": 14, "trial_usage": "billed"}
    granted = [
        included(500, every="month", rolls_over=2, rollover_most=Decimal(200), priority=7, in_trial=False),
        included("2.5", code="welcome", every="once", lasts="days", days=30),
    ]
    return publish(
        make_plan(
            "starter",
            fees=fees,
            offers=offers,
            commitments=promised,
            credits=granted,
            thresholds=[threshold(5)],
            **rhythm,
        )
    )


def test_with_all_its_rows(source: PlanVersion):
    copy = new_version(source=source, by=None, at=FEB, note="Summer prices")
    assert contents(copy) == contents(source)
    assert (copy.number, copy.state, copy.copied_from, copy.note) == (2, "draft", source, "Summer prices")


def test_in_independent_rows(source: PlanVersion):
    before = contents(source)
    copy = new_version(source=source, by=None, at=FEB)
    copy.fees.update(amount=99)
    copy.features.filter(feature__code="seats").delete()
    assert contents(source) == before


def test_with_equal_charges(source: PlanVersion):
    copy = publish(new_version(source=source, by=None, at=JAN), at=FEB)
    for currency in ("USD", "EUR"):
        old, new = (read_terms(version, currency) for version in (source, copy))
        assert [(feature.code, feature.included, feature.unit) for feature in new.features] == [
            (feature.code, feature.included, feature.unit) for feature in old.features
        ]
        assert [[r.charge for r in feature.price.rates] for feature in new.features] == [
            [r.charge for r in feature.price.rates] for feature in old.features
        ]


def test_in_a_fixed_number_of_queries(source: PlanVersion, django_assert_max_num_queries):
    with django_assert_max_num_queries(23):
        new_version(source=source, by=None, at=FEB)


@pytest.mark.parametrize("field", content_fields(PlanVersion), ids=lambda field: field.name)
def test_with_every_column_of_the_version_itself(field: Any):
    draft = make_plan("pro", fees=[fee("5")])
    setattr(draft, field.attname, another(field, getattr(draft, field.attname)))
    draft.save()
    assert getattr(new_version(source=draft, by=None, at=FEB), field.attname) == getattr(draft, field.attname)


def test_with_rows_of_every_table(source: PlanVersion):
    copy = new_version(source=source, by=None, at=FEB)
    source_rows, copy_rows = read_rows([source]), read_rows([copy])
    assert {model for model, rows in source_rows.items() if rows} == set(version_tables()), (
        "the version above has a row of each"
    )
    assert {model: len(rows) for model, rows in copy_rows.items()} == {
        model: len(rows) for model, rows in source_rows.items()
    }
    assert compare(*read_contents(source, copy)) == ()
