"""A price list exported from a version, imported to an empty draft and exported again is byte-identical."""

from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from plans.catalog.version_schema import LIFECYCLE_FIELDS, version_tables
from plans.models import Plan, PlanFeature, PlanVersion
from plans.price_lists.cell_parser import CellRefused
from plans.price_lists.field_text import parse_cell
from plans.price_lists.files import read, write
from plans.price_lists.list_import import import_price_list
from plans.price_lists.table_format import columns
from plans.price_lists.version_items import fields_of
from plans.publishing.publication import new_draft
from tests.builders import JAN, commitment, fee, included, make_feature, make_meter, make_plan, offer, rate, tier

pytestmark = pytest.mark.django_db


def import_into(version: PlanVersion, content: bytes, kind: str) -> Any:
    return import_price_list(read(content, name=f"list.{kind}"), version=version, by=None, at=JAN)


def assert_round_trip(version: PlanVersion, kind: str) -> None:
    first = write(version, kind)
    draft = new_draft(plan=version.plan, by=None, at=JAN)
    import_into(draft, first, kind)
    draft.refresh_from_db()
    assert write(draft, kind) == first
    assert import_into(draft, first, kind) == ()


def everything() -> PlanVersion:
    tokens = make_meter("tokens", aggregation="sum", value_property="n", dimensions=["model", "kind"])
    ladder = [tier(10, "1.5", 5), tier("100.25", "0.123456789012"), tier(None, 0)]
    priced = {
        "USD": [
            rate("0.05", match={"model": "a, b: =c"}, label="=A"),
            rate(
                "3", model="package", package_size="0.7", package_rounding="down", match={"kind": "x", "model": "a"}
            ),
            rate(model="percentage", percent=Decimal("2.9"), fixed_fee=Decimal("0.3"), match={"model": "p"}),
            rate(model="dynamic", cost_source="unit_cost", markup=Decimal("1.2"), match={"model": "d"}),
            rate(tiers=ladder),
        ],
        "EUR": [rate("0.04", model="flat")],
    }
    offers = [
        offer(make_feature("tokens", meter=tokens), included="12.5", prices=priced),
        offer("seats", included=3, consumption="hard_cap"),
        offer(make_feature("history", kind="static"), static_value="30 days"),
    ]
    fees = [fee("5"), fee("4.125", currency="EUR", label="Grundgebühr"), fee("9", kind="one_time")]
    rhythm = {"anchor": "anniversary", "proration": "day", "count": 3, "trial_days": 14, "trial_usage": "billed"}
    granted = [
        included("500.5", every="month", rolls_over=2, rollover_most=Decimal(200), priority=7, in_trial=False),
        included("2.5", unit="EUR", every="once", lasts="days", days=30, features="tokens, seats"),
    ]
    promised = [
        commitment(units="1000.5", feature="tokens", discount="12.5"),
        commitment(90, feature="tokens", per_window=True, factor=2, currency="EUR", trues_up=False),
    ]
    return make_plan("all", fees=fees, offers=offers, credits=granted, commitments=promised, **rhythm)


@pytest.mark.parametrize("kind", ["csv", "xlsx", "json"])
def test_with_everything_that_a_version_can_hold(kind):
    assert_round_trip(everything(), kind)


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_an_empty_one_too(kind):
    assert_round_trip(make_plan("none"), kind)


places = st.decimals(0, 10**6, places=12).map(lambda number: number.normalize()) | st.just(Decimal(0))
sizes = st.decimals("0.001", 10**6, places=6)
labels = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20).map(str.strip)
matches = st.dictionaries(st.sampled_from(["model", "kind"]), labels.filter(bool), max_size=2)


@st.composite
def rates(draw: Any) -> dict[str, Any]:
    model = draw(st.sampled_from(["per_unit", "flat", "package", "graduated", "volume", "percentage", "dynamic"]))
    fields: dict[str, Any] = {"model": model, "match": draw(matches), "label": draw(labels)}
    if model in ("graduated", "volume"):
        bounds = sorted(draw(st.sets(sizes, max_size=3)))
        return rate(tiers=[tier(bound, draw(places), draw(places)) for bound in [*bounds, None]], **fields)
    if model == "percentage":
        least, most = sorted([draw(places), draw(places)])
        fields |= {"percent": draw(st.decimals(0, 100, places=10)), "fixed_fee": draw(places)}
        return rate(**fields, least_per_event=least, most_per_event=most, free_events=draw(st.integers(0, 10**6)))
    if model == "dynamic":
        source = draw(st.sampled_from(["event", "unit_cost"]))
        return rate(**fields, markup=draw(st.decimals(0, 1000, places=12)), cost_source=source)
    if model == "package":
        fields |= {"package_size": draw(sizes), "package_rounding": draw(st.sampled_from(["up", "down"]))}
    return rate(draw(places), **fields)


prices = st.dictionaries(
    st.sampled_from(["USD", "EUR", "JPY"]),
    st.lists(rates(), max_size=3, unique_by=lambda rate_: tuple(sorted(rate_["match"].items()))),
    max_size=2,
)


@pytest.mark.parametrize("kind", ["csv", "json"])
@given(
    offers=st.lists(st.tuples(prices, places, labels, st.sampled_from(["overage", "hard_cap"])), max_size=2),
    amounts=st.lists(st.tuples(st.decimals(0, 10**6, places=2), labels.filter(bool)), max_size=3),
    count=st.integers(1, 120),
)
@settings(
    max_examples=10, deadline=None, suppress_health_check=list(HealthCheck), database=None, phases=[Phase.generate]
)
def test_with_random_contents(kind, offers, amounts, count):
    described = [
        offer(f"f{place}", prices=prices, included=included, static_value=value, consumption=consumption)
        for place, (prices, included, value, consumption) in enumerate(offers)
    ]
    fees = [fee(amount, code=f"c{place}", label=label) for place, (amount, label) in enumerate(amounts)]
    plan = f"p{Plan.objects.count()}"
    assert_round_trip(make_plan(plan, fees=fees, offers=described, count=count), kind)


def test_fees_of_one_position_keep_their_order():
    version = make_plan("ties", fees=[fee("9", label="Support"), fee("5", label="Access")])
    version.fees.update(position=0)
    order = list(version.fees.order_by("position", "pk").values_list("label", flat=True))
    import_into(version, write(version, "csv"), "csv")
    assert list(version.fees.order_by("position", "pk").values_list("label", flat=True)) == order


def test_every_column_of_a_version_is_in_the_list():
    """A new column is in the list automatically; this test fails if it has no text form."""
    for model in version_tables():
        fields = fields_of(model)
        silent = {field.name for field in model._meta.concrete_fields} - fields.keys()
        assert silent <= {"id", "position", *(field.name for field in model._meta.fields if field.is_relation)}, model
    for model in (PlanVersion, *version_tables()):
        assert fields_of(model).keys() <= set(columns())
        for name, field in fields_of(model).items():
            with suppress(CellRefused):  # a column without a text form raises another error
                parse_cell(field, "1")
            assert name in columns()


def test_columns_of_the_life_cycle_are_not_in_the_list():
    assert {field.name for field in PlanVersion._meta.concrete_fields} - LIFECYCLE_FIELDS == fields_of(
        PlanVersion
    ).keys()


def test_existing_rows_are_updated_in_place():
    version = everything()
    before = set(PlanFeature.objects.values_list("pk", flat=True))
    content = write(version, "csv").replace(b"0.05", b"0.06")
    (difference,) = import_into(version, content, "csv")
    assert "0.05" in difference.before
    assert "0.06" in difference.after
    assert set(PlanFeature.objects.values_list("pk", flat=True)) == before
