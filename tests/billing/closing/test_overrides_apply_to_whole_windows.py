"""
Overrides of a subscription apply from the next period on, wherever usage is priced, and never to billed periods.
"""

from datetime import timedelta
from decimal import Decimal

import pytest

from billing.closing import close_due, preview
from billing.limits.check import check
from billing.metering.usage.current_usage import current_usage
from billing.models import Override
from billing.subscriptions import OverrideRefused, end_override
from invoices.models import Invoice, Line
from tests.builders import (
    FEB,
    JAN,
    MAR,
    add_override,
    fee,
    make_customer,
    make_feature,
    make_meter,
    make_plan,
    offer,
    publish,
    rate,
    subscribe,
    tier,
    use,
)
from tests.clean_books import assert_clean

pytestmark = pytest.mark.django_db

D = Decimal
HOUR = timedelta(hours=1)
MID_JAN, MID_FEB = JAN + timedelta(days=14), FEB + timedelta(days=14)


@pytest.fixture(autouse=True)
def lines_come_out_the_same_again(db):
    yield
    assert_clean(names=["usage_lines_have_the_same_amount_when_rated_again", "rows_match_the_end_of_their_history"])


@pytest.fixture
def acme():
    """
    Return a customer with 200 included calls a month, 0.05 per further call, and 600 used in January and in February.
    """
    version = make_plan(offers=[offer("api.calls", included=200, rates=[rate("0.05")])])
    return subscribe(make_customer("acme"), publish(version), at=FEB)


def totals():
    return [invoice.total for invoice in Invoice.objects.order_by("id")]


def test_an_override_applies_from_the_next_period(acme):
    made = add_override(acme, "api.calls", "price", "0.04", at=MID_JAN)
    assert made.starts_at == FEB
    for month in (JAN, FEB):
        use(acme, "api.calls", 600, at=month)
    close_due(at=FEB + HOUR)
    close_due(at=MAR + HOUR)
    assert [total.amount for total in totals()] == [D("20.00"), D("16.00")]
    line = Line.objects.order_by("-id").first()
    assert line.description == "api.calls (as agreed)"
    assert line.explanation["agreed"] == [{"figure": "price", "rate": "default", "value": "0.04", "instead": "0.05"}]


def test_an_override_from_the_current_period_applies_to_all_of_it(acme):
    use(acme, "api.calls", 600, at=JAN)
    add_override(acme, "api.calls", "included", 500, at=MID_JAN, starts_at=JAN)
    assert preview(at=MID_JAN, subscription=acme).totals.total == D("5.00")
    close_due(at=FEB + HOUR)
    assert totals()[0].amount == D("5.00")


def test_an_override_that_starts_in_mid_period_applies_from_the_next(acme):
    add_override(acme, "api.calls", "percent", "-50", at=MID_JAN, starts_at=MID_JAN)
    for month in (JAN, FEB):
        use(acme, "api.calls", 600, at=month)
        close_due(at=month + timedelta(days=32))
    assert [total.amount for total in totals()] == [D("20.00"), D("10.00")]


def test_late_usage_is_priced_by_the_overrides_of_its_period(acme):
    add_override(acme, "api.calls", "price", "0.04", at=JAN, starts_at=JAN, ends_at=FEB)
    use(acme, "api.calls", 600, at=JAN)
    close_due(at=FEB + HOUR)
    use(acme, "api.calls", 100, at=MID_JAN)
    use(acme, "api.calls", 300, at=FEB)
    add_override(acme, "api.calls", "price", "0.01", at=MID_FEB)
    close_due(at=MAR + HOUR)
    lines = {line.description: line.amount.amount for line in Line.objects.all()}
    late = lines.pop("api.calls (as agreed) (late)")
    assert (lines, late) == ({"api.calls (as agreed)": D("16.00"), "api.calls": D("5.00")}, D("4.00"))


def test_an_overridden_minimum_is_due_without_usage(acme):
    add_override(acme, "api.calls", "minimum", 30, at=JAN, starts_at=JAN)
    close_due(at=FEB + HOUR)
    assert totals()[0].amount == 30
    assert Line.objects.get().description == "api.calls: minimum of 30 (as agreed)"


def test_a_maximum_of_zero_makes_a_feature_free_and_is_a_line(acme):
    add_override(acme, "api.calls", "maximum", 0, at=JAN, starts_at=JAN)
    use(acme, "api.calls", 600, at=JAN)
    close_due(at=FEB + HOUR)
    assert [line.amount.amount for line in Line.objects.order_by("position")] == [D("20.00"), D("-20.00")]


def test_current_usage_and_the_check_see_a_change_at_once(acme):
    version = make_plan(offers=[offer("seats", included=5, consumption="hard_cap")])
    capped = subscribe(make_customer("capped"), publish(version))
    arguments = {"customer": "capped", "feature": "seats", "quantity": D(1), "sandbox": False, "at": MID_JAN}
    use(capped, "seats", 5)
    assert not check(**arguments).allowed
    override = add_override(capped, "seats", "included", 8, at=MID_JAN, starts_at=JAN)
    assert check(**arguments).remaining == 3
    (running,) = current_usage(customer="capped", sandbox=False, at=MID_JAN)
    assert running.features[0].remaining == 3
    end_override(override=override, at=MID_JAN, ends_at=JAN)
    assert not check(**arguments).allowed


def test_a_new_override_ends_the_one_before(acme):
    first = add_override(acme, "api.calls", "price", "0.04", at=JAN)
    second = add_override(acme, "api.calls", "price", "0.03", at=MID_FEB)
    other = add_override(acme, "api.calls", "included", 0, at=MID_FEB)
    first.refresh_from_db()
    assert (first.ends_at, second.starts_at, second.ends_at, other.ends_at) == (MAR, MAR, None, None)


def test_an_override_ends_with_the_period_and_is_withdrawn_before_it_starts(acme):
    override = add_override(acme, "api.calls", "price", "0.04", at=JAN, starts_at=JAN)
    later = add_override(acme, "api.calls", "included", 1, at=MID_JAN)
    assert end_override(override=override, at=MID_JAN).ends_at == FEB
    withdrawn = end_override(override=later, at=MID_JAN)
    assert withdrawn.ends_at == withdrawn.starts_at == FEB
    renewed = add_override(acme, "api.calls", "included", 2, at=MID_JAN)
    assert renewed.starts_at == FEB


REFUSED = [
    # kind         value      more                                            field        words
    ("price",      "0.04",    {"starts_at": JAN},                             "starts_at", "is already billed"),
    ("price",      "0.04",    {"match": {"model": "x"}},                      "match",     "Choose one of: default"),
    ("included",   "1",       {"match": {"model": "x"}},                      "match",     "Only a price override"),
    ("percent",    "-101",    {},                                             "value",     "-100 to 1000"),
    ("minimum",    "-1",      {},                                             "value",     "must be between"),
    ("price",      "0.04",    {"ends_at": JAN},                               "ends_at",   "must be after the start"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "value", "more", "field", "words"), REFUSED)
def test_an_invalid_override_is_rejected(acme, kind, value, more, field, words):
    close_due(at=FEB + HOUR)
    with pytest.raises(OverrideRefused, match=words) as refused:
        add_override(acme, "api.calls", kind, value, at=MID_FEB, **more)
    assert refused.value.field == field
    assert not Override.objects.exists()


def test_an_override_ends_before_a_later_one_of_the_same_kind(acme):
    add_override(acme, "api.calls", "price", "0.03", at=JAN, starts_at=MAR)
    with pytest.raises(OverrideRefused, match=r"applies from 2026-03-01"):
        add_override(acme, "api.calls", "price", "0.04", at=JAN)
    add_override(acme, "api.calls", "price", "0.04", at=JAN, ends_at=MAR)


def test_an_override_of_a_billed_period_is_not_ended(acme):
    override = add_override(acme, "api.calls", "price", "0.04", at=JAN, starts_at=JAN)
    close_due(at=FEB + HOUR)
    with pytest.raises(OverrideRefused, match="is already billed"):
        end_override(override=override, at=MID_FEB, ends_at=JAN)


def test_a_feature_that_is_not_metered_has_nothing_to_override(acme):
    make_feature("support", kind="boolean")
    with pytest.raises(OverrideRefused, match="is not metered"):
        add_override(acme, "support", "included", 1, at=JAN)


def test_each_rate_has_its_own_price_and_bounds_are_of_the_feature(acme):
    meter = make_meter("tokens", aggregation="sum", value_property="n", dimensions=["model"])
    rates = [
        rate(tiers=[tier(100, "1"), tier(None, "0.5")], match={"model": "gpt"}, label="gpt"),
        rate("2", label="all others"),
    ]
    version = make_plan(fees=[fee("10")], offers=[offer(make_feature("tokens", meter=meter), rates=rates)])
    other = subscribe(make_customer("other"), publish(version), at=JAN)
    add_override(other, "tokens", "price", "0.25", match={"model": "gpt"}, at=JAN, starts_at=JAN)
    add_override(other, "tokens", "percent", "-25", at=JAN, starts_at=JAN)
    use(other, "tokens", 200, rate_label="gpt")
    use(other, "tokens", 10, rate_label="all others")
    draft = preview(at=MID_JAN, subscription=other)
    amounts = {line.description: line.amount for line in draft.lines if line.kind == "usage"}
    assert amounts == {"gpt (as agreed)": D("50.00"), "all others (as agreed)": D("15.00")}
