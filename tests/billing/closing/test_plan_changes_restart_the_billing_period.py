"""A plan change may restart the billing period: docs/closing.md#restarted-billing-periods."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError

from billing.closing import close_due, preview_change
from billing.limits.check import check
from billing.models import Period, ScheduledChange
from billing.subscriptions import (
    ChangeRefused,
    RevocationRefused,
    apply_coupon,
    cancel,
    change_plan,
    generate_periods,
    pause,
    resume,
    revoke,
    schedule_change,
    uncancel,
)
from billing.subscriptions.plan_changes.due_changes import apply_due_changes
from billing.subscriptions.plan_changes.mid_period_split import split_due_periods
from invoices.models import Invoice, Line
from tests.billing.metering.ingest.ingest_setup import send
from tests.builders import (
    FEB,
    JAN,
    MAR,
    commitment,
    fee,
    make_coupon,
    make_customer,
    make_feature,
    make_meter,
    make_plan,
    make_seller,
    offer,
    publish,
    rate,
    subscribe,
    tier,
)
from tests.clean_books import assert_clean
from tests.docs_tables import rows

SUBJECTS = ("subscriptions", "usage", "invoices", "payments")

pytestmark = pytest.mark.django_db

D = Decimal
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
DAY_10 = JAN + 10 * DAY
NEXT = FEB + 10 * DAY


def plan(
    code, price="31", *, anchor="anniversary", included=0, billed="advance", rates=(), minimum_of_calls=None, **fields
):
    calls = make_feature("calls", meter=make_meter("calls", aggregation="sum", value_property="n"))
    offers = [offer(calls, included=included, rates=rates or [rate("0.10")], minimum=minimum_of_calls)]
    fees = [fee(price, billed=billed)] if price else []
    return publish(make_plan(code, fees=fees, offers=offers, anchor=anchor, **fields))


def use(id_, moment, n, at=None):
    event = {"id": id_, "customer": "acme", "event": "calls", "timestamp": moment.isoformat(), "properties": {"n": n}}
    send(event, at=at or moment)


def restarted(old, new, before=0, after=0, coupon=None):
    """Subscribe on 1 January, and restart the billing period on the 11th; use calls before and after it."""
    subscription = subscribe(make_customer("acme"), old)
    if coupon:
        apply_coupon(subscription=subscription, coupon=coupon, at=JAN)
    close_due(at=JAN)
    if before:
        use("before", JAN + DAY, before)
    change_plan(subscription=subscription, version=new, at=DAY_10, billing_period="restart")
    if after:
        use("after", DAY_10 + DAY, after)
    subscription.refresh_from_db()
    return subscription


def run_until(at):
    generate_periods(until=at)
    close_due(at=at)


def documents():
    """Return the net amounts of all invoices and credit notes in order, the latter below zero."""
    return [
        invoice.net.amount if invoice.kind == "invoice" else -invoice.net.amount
        for invoice in Invoice.objects.order_by("pk")
        if invoice.net.amount
    ]


@pytest.mark.parametrize("row", rows("closing.md", "restarted-billing-periods"), ids=lambda row: row["why"])
def test_a_whole_period_begins_as_documented(row):
    make_seller(zero_invoices="issue")
    terms = {"included": int(row["included"]), "billed": row["billed"]}
    if row["minimum"] != "0":
        terms["commitments"] = [commitment(row["minimum"])]
    coupon = make_coupon(percent=row["coupon"].rstrip("%"), duration="forever") if row["coupon"] else None
    old, new = plan("old", row["old fee"], **terms), plan("new", row["new fee"], **terms)
    restarted(old, new, int(row["used before"]), int(row["used after"]), coupon)
    run_until(DAY_10 + HOUR)
    run_until(NEXT + HOUR)
    assert documents() == [D(amount) for amount in row["documents"].split(", ")]
    assert_clean(*SUBJECTS)


def test_later_periods_are_counted_from_the_change():
    subscription = restarted(plan("old"), plan("new"))
    run_until(MAR)
    regular = subscription.periods.filter(kind="regular").order_by("starts_at")
    assert [(period.starts_at, period.anchor_at) for period in regular] == [
        (JAN, None),
        (DAY_10, DAY_10),
        (NEXT, DAY_10),
    ]
    assert not regular.filter(continues__isnull=False).exists()
    assert_clean(*SUBJECTS)


def test_the_allowance_is_whole_at_once():
    restarted(plan("old", included=310), plan("new", included=310))
    answer = check(customer="acme", feature="calls", quantity=D(1), sandbox=False, at=DAY_10 + HOUR)
    assert (answer.included, answer.remaining) == (310, 310)


def test_tiers_begin_with_the_first_one():
    ladder = [rate(tiers=[tier(100, "1"), tier(None, "0.5")])]
    restarted(plan("old", "", rates=ladder), plan("new", "", rates=ladder), 100, 100)
    run_until(NEXT + HOUR)
    assert [line.amount.amount for line in Line.objects.filter(kind="usage")] == [D(100), D(100)]
    assert_clean(*SUBJECTS)


@pytest.mark.parametrize("billing_period", ["keep", "restart"])
def test_the_preview_is_the_invoice(billing_period):
    old, new = plan("old", "9.99", included=5), plan("new", "123.45", included=5)
    subscription = subscribe(make_customer("acme"), old)
    close_due(at=JAN)
    use("a", JAN + DAY, 17)
    change = {"subscription": subscription, "version": new, "at": DAY_10 + 77 * HOUR}
    draft = preview_change(**change, billing_period=billing_period)
    change_plan(**change, billing_period=billing_period)
    run_until(DAY_10 + 78 * HOUR)
    invoice = Invoice.objects.latest("pk")
    assert [(line.description, line.amount) for line in draft.lines] == [
        (line.description, line.amount.amount) for line in invoice.lines.order_by("position")
    ]
    assert draft.totals.total == invoice.total.amount


def test_the_preview_of_a_restart_at_a_date_and_at_the_periods_end_is_the_invoice():
    for number, when in enumerate([{"moment": DAY_10}, {"at_period_end": True}]):
        old, new = plan(f"old{number}"), plan(f"new{number}", "62", interval="year")
        subscription = subscribe(make_customer(f"customer{number}"), old)
        close_due(at=JAN)
        change = {"subscription": subscription, "version": new, "at": JAN + DAY}
        draft = preview_change(**change, **when, billing_period="restart")
        schedule_change(**change, moment=when.get("moment"), billing_period="restart")
        end = when.get("moment", FEB)
        generate_periods(until=end)
        split_due_periods(at=end)
        run_until(end + HOUR)
        apply_due_changes(at=end + HOUR)
        invoice = subscription.periods.get(ends_at=end, kind="regular").invoice
        assert draft.totals.total == invoice.total.amount
        started = subscription.periods.get(starts_at=end)
        assert (started.anchor_at, started.ends_at) == (end, end.replace(year=end.year + 1))
    assert_clean(*SUBJECTS)


def test_a_restart_at_a_date_can_be_revoked_until_shortly_before():
    subscription = subscribe(make_customer("acme"), plan("old"))
    change = {"subscription": subscription, "at": JAN + DAY, "moment": DAY_10, "billing_period": "restart"}
    schedule_change(**change, version=plan("new"))
    revoke(subscription_ids=[subscription.pk], at=JAN + DAY)
    run_until(DAY_10 + HOUR)
    assert not Period.objects.filter(anchor_at__isnull=False).exists()
    schedule_change(**change, version=plan("newer"))
    split_due_periods(at=DAY_10 - timedelta(minutes=9))
    with pytest.raises(RevocationRefused):
        revoke(subscription_ids=[subscription.pk], at=DAY_10 - timedelta(minutes=9))
    with pytest.raises(ChangeRefused, match="has started"):
        schedule_change(
            subscription=subscription, version=plan("newest"), at=DAY_10 - timedelta(minutes=9), moment=FEB
        )
    assert ScheduledChange.objects.get(state="pending").restarts_period


def test_late_usage_of_the_old_period_is_rated_with_its_own_anchor():
    """The minimum of the old period stays prorated to 10 of 31 days."""
    old, new = plan("old", "", minimum_of_calls=31), plan("new", "")
    subscription = restarted(old, new)
    run_until(DAY_10 + HOUR)
    use("late", JAN + 2 * DAY, 150, at=DAY_10 + DAY)
    run_until(NEXT + HOUR)
    period = subscription.periods.get(starts_at=JAN, kind="regular")
    assert sum(line.amount.amount for line in Line.objects.filter(usage__period=period)) == D("15.00")
    assert_clean(*SUBJECTS)


def test_a_change_after_a_restart_keeps_the_new_billing_period():
    subscription = restarted(plan("old"), plan("new"))
    part = change_plan(subscription=subscription, version=plan("third"), at=DAY_10 + 5 * DAY)
    assert (part.ends_at, part.anchor_at) == (NEXT, DAY_10)
    assert part.continues is not None
    run_until(NEXT + HOUR)
    assert subscription.periods.latest("starts_at").anchor_at == DAY_10
    assert_clean(*SUBJECTS)


def test_a_second_restart_begins_another_whole_period():
    subscription = restarted(plan("old"), plan("new"))
    run_until(DAY_10 + HOUR)
    at = DAY_10 + 5 * DAY
    part = change_plan(subscription=subscription, version=plan("third"), at=at, billing_period="restart")
    assert (part.starts_at, part.ends_at) == (at, at + 31 * DAY)
    run_until(at + HOUR)
    assert documents() == [D(31), D("10.00"), D("5.00")]  # 31.00 less 21 of 31 days, then less 26 of 31 days
    assert_clean(*SUBJECTS)


def test_a_pause_and_an_undone_cancellation_keep_the_new_anchor():
    subscription = restarted(plan("old"), plan("new"))
    run_until(DAY_10 + HOUR)
    pause(subscription=subscription, at=DAY_10 + 2 * DAY)
    subscription.refresh_from_db()
    resume(subscription=subscription, at=DAY_10 + 4 * DAY)
    resumed = subscription.periods.filter(kind="regular").latest("starts_at")
    assert (resumed.ends_at, resumed.anchor_at) == (NEXT, DAY_10)
    subscription.refresh_from_db()
    cancel(subscription=subscription, at=DAY_10 + 5 * DAY, ends_at=DAY_10 + 9 * DAY)
    subscription.refresh_from_db()
    uncancel(subscription=subscription, at=DAY_10 + 6 * DAY)
    assert subscription.periods.filter(kind="regular").latest("starts_at").ends_at == NEXT
    assert_clean("subscriptions", "invoices")


def test_a_yearly_fee_restarts_with_a_whole_year():
    old, new = (
        publish(make_plan(code, fees=[fee(price, every=12)], anchor="anniversary"))
        for code, price in (("old", "365"), ("new", "730"))
    )
    subscription = subscribe(make_customer("acme"), old)
    close_due(at=JAN)
    change_plan(subscription=subscription, version=new, at=DAY_10, billing_period="restart")
    run_until(DAY_10 + HOUR)
    assert documents() == [D(365), D("375.00")]  # 730.00 less 355 of 365 days
    assert Line.objects.latest("pk").service_end == DAY_10.replace(year=2027)
    assert_clean(*SUBJECTS)


def test_a_calendar_version_and_a_trial_are_refused():
    subscription = subscribe(make_customer("acme"), plan("old"))
    with pytest.raises(ChangeRefused, match="follow the calendar"):
        change_plan(
            subscription=subscription, version=plan("cal", anchor="calendar"), at=DAY_10, billing_period="restart"
        )
    trial = subscribe(make_customer("other"), plan("old2"), trial_days=14)
    with pytest.raises(ChangeRefused, match="after the trial"):
        change_plan(subscription=trial, version=plan("new"), at=DAY_10, billing_period="restart")


def test_the_database_refuses_an_anchor_after_the_start():
    subscription = subscribe(make_customer("acme"), plan("old"))
    with pytest.raises(IntegrityError, match="period_starts_at_its_anchor_or_later"):
        subscription.periods.filter(kind="regular").update(anchor_at=JAN + DAY)
