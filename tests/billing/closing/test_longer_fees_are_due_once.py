"""Fees for several periods: due once per interval, credited for unused time, independent of usage."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from billing.closing import close_due, preview, preview_cancellation, preview_change, preview_pause
from billing.models import Subscription
from billing.subscriptions import (
    apply_coupon,
    apply_due_pauses,
    cancel,
    change_plan,
    end_finished,
    generate_periods,
    pause,
    resume,
    uncancel,
)
from billing.subscriptions.plan_changes.due_changes import apply_due_changes
from billing.subscriptions.plan_changes.schedule import schedule_change
from invoices.models import Invoice, Line
from plans.publishing.readiness import problems_of
from tests.builders import (
    FEB,
    JAN,
    MAR,
    fee,
    make_coupon,
    make_customer,
    make_plan,
    make_tax,
    offer,
    publish,
    rate,
    subscribe,
    use,
)
from tests.clean_books import assert_clean
from tests.docs_tables import rows
from tests.statements import sent_statements

SUBJECTS = ("subscriptions", "invoices")

pytestmark = pytest.mark.django_db

D = Decimal
HOUR = timedelta(hours=1)
MAY_11 = datetime(2026, 5, 11, tzinfo=UTC)
JUN = datetime(2026, 6, 1, tzinfo=UTC)
YEAR = datetime(2027, 1, 1, tzinfo=UTC)
OF_FEES = [
    "fees_of_several_periods_are_billed_once",
    "fees_are_prorated_by_their_share",
    "unused_time_is_credited",
    "credits_name_the_credited_line",
    "lines_are_not_credited_beyond_their_net_amount",
    "periods_are_billed_by_one_invoice",
]


def day(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def yearly(amount="730", code="yearly", *, every=12, billed="advance", fees=(), **fields):
    described = [fee(amount, every=every, billed=billed, label="License", code="license"), *fees]
    return publish(make_plan(code, fees=described, offers=[offer("calls", rates=[rate("0.10")])], **fields))


def pass_time(*moments):
    """Run the periodic tasks at these times; everything due earlier is then billed at once."""
    for moment in moments:
        at = moment + HOUR
        apply_due_pauses(at=at)
        generate_periods(until=at + 2 * HOUR)
        apply_due_changes(at=at)
        close_due(at=at)
        end_finished(at=at)


def issued_amounts():
    """Return the issued net amounts, in order: invoices above zero, credit notes below."""
    invoices = Invoice.objects.order_by("issued_at", "pk")
    return [invoice.net.amount * (-1 if invoice.kind == "credit_note" else 1) for invoice in invoices]


def happen(subscription, event_text):
    """Carry out a row's event; return its preview and the times at which the tasks need to run for it."""
    when, _, action = event_text.partition(": ")
    at, (verb, *words) = day(when), action.replace(",", "").split()
    given = dict(zip(words[::2], words[1::2], strict=False))
    if verb == "cancel":
        ends_at = day(given["to"]) if "to" in given else at
        arguments = {"subscription": subscription, "at": at, "ends_at": ends_at, "give_back": words[-1]}
        draft = preview_cancellation(**arguments)
        cancel(**arguments)
        return draft, [at, ends_at]
    if verb == "pause":
        arguments = {"starts_at": day(given["from"]) if "from" in given else at, "ends_at": day(given["to"])}
        draft = preview_pause(subscription=subscription, at=at, **arguments)
        pause(subscription=subscription, at=at, **arguments)
        return draft, [arguments["starts_at"], arguments["ends_at"]]
    other = yearly(words[-1], "other", billed=Subscription.objects.get().version.fees.get().billed)
    at_end = "end" in words
    draft = preview_change(subscription=subscription, version=other, at=at, at_period_end=at_end)
    if at_end:
        move = schedule_change(subscription=subscription, version=other, at=at)
        return draft, [move.moment]
    change_plan(subscription=subscription, version=other, at=at)
    return draft, [at]


@pytest.mark.parametrize("row", rows("closing.md", "fees-for-several-periods"), ids=lambda row: row["why"])
def test_it_is_due_as_documented(row):
    count, unit = row["every"].split()
    interval, anchor, every = unit.removesuffix("s"), row["anchor"], int(count)
    version = yearly(row["fee"], billed=row["billed"], every=every, interval=interval, anchor=anchor)
    starts_at = day(row["starts"])
    subscription = subscribe(make_customer("acme"), version, starts_at=starts_at)
    if row["coupon"]:
        apply_coupon(subscription=subscription, coupon=make_coupon(percent=row["coupon"].rstrip("%")), at=starts_at)
    pass_time(starts_at)
    known = len(issued_amounts())
    if row["happens"]:
        pass_time(day(row["happens"].partition(": ")[0]))
        draft, moments = happen(subscription, row["happens"])
        pass_time(*moments)
        notes = [-credit_note.totals.net for credit_note in draft.credit_notes]
        made = issued_amounts()[known:]
        if len(set(moments)) == 1:  # otherwise the preview has earlier fees, or the change is billed later
            assert [*filter(None, [draft.totals.net]), *notes] == made, "a preview is what is issued"
    pass_time(day(row["until"]))
    assert issued_amounts() == [D(amount_text) for amount_text in row["documents"].split(", ")]
    assert_clean(names=OF_FEES)


def test_usage_is_billed_monthly_during_a_yearly_fee():
    make_tax("19")
    subscription = subscribe(make_customer("acme"), yearly())
    pass_time(JAN)
    edge = JAN
    for month in range(1, 13):
        use(subscription, "calls", month, at=edge + HOUR)
        edge = datetime(2026 + month // 12, month % 12 + 1, 1, tzinfo=UTC)
        generate_periods(until=edge + HOUR)
        draft = preview(at=edge + HOUR, period=subscription.periods.get(ends_at=edge, kind="regular"))
        close_due(at=edge + HOUR)
        issued = Invoice.objects.latest("pk")
        assert (issued.net.amount, issued.total.amount) == (draft.totals.net, draft.totals.total)
    assert issued_amounts() == [D(730), *(D(n) / 10 for n in range(1, 12)), D("731.20")]
    spans = Line.objects.filter(kind="fee").order_by("pk").values_list("service_start", "service_end")
    assert list(spans) == [(JAN, YEAR), (YEAR, datetime(2028, 1, 1, tzinfo=UTC))]
    assert_clean(names=OF_FEES)


def test_an_undone_cancellation_is_billed_for_the_remaining_interval():
    """Billed to 16 March, then again to the end of the year: 16 days of March, and 275 of the months after it."""
    subscription = subscribe(make_customer("acme"), yearly())
    pass_time(JAN)
    cancel(subscription=subscription, at=MAY_11, ends_at=day("2027-03-16"), give_back="credit")
    pass_time(day("2027-02-01"))
    uncancel(subscription=subscription, at=day("2027-02-10"))
    pass_time(day("2027-04-01"), day("2028-01-02"))
    assert issued_amounts() == [D(730), D(148), D(582), D(730)]
    assert [line.amount.amount for line in Line.objects.order_by("pk")][2:4] == [D(32), D(550)]
    assert_clean(*SUBJECTS)


def test_a_cancellation_undone_before_it_is_billed_changes_nothing():
    subscription = subscribe(make_customer("acme"), yearly())
    pass_time(JAN)
    cancel(subscription=subscription, at=MAY_11, ends_at=day("2026-08-01"), give_back="credit")
    uncancel(subscription=subscription, at=MAY_11 + HOUR)
    pass_time(YEAR)
    assert issued_amounts() == [D(730), D(730)]
    subscription.refresh_from_db()
    assert subscription.settles == ""
    assert_clean(*SUBJECTS)


@pytest.mark.parametrize("billed", ["advance", "arrears"])
def test_a_pause_undone_at_its_start_bills_nothing_twice(billed):
    subscription = subscribe(make_customer("acme"), yearly(billed=billed))
    pass_time(JAN, MAY_11)
    pause(subscription=subscription, at=MAY_11, at_period_end=True)
    pass_time(JUN)
    resume(subscription=subscription, at=JUN + 2 * HOUR, resumes_at=JUN)
    pass_time(JUN + 2 * HOUR, YEAR)
    expected = {"advance": [D(730), D(-428), D(428), D(730)], "arrears": [D(302), D(428)]}
    assert issued_amounts() == expected[billed]
    assert_clean(*SUBJECTS)


def test_two_fees_each_have_their_own_interval():
    version = yearly(fees=[fee("9", label="Support", code="support", every=3), fee("1", label="Host", code="host")])
    subscribe(make_customer("acme"), version)
    pass_time(JAN, FEB, MAR, day("2026-04-01"))
    assert issued_amounts() == [D(740), D(1), D(1), D(10)]
    assert_clean(*SUBJECTS)


def test_a_subscription_started_in_the_past_and_paused_is_billed_at_once():
    """One run issues all of its invoices, and the credit note corrects one that had to be issued before it."""
    version = yearly()
    subscription = subscribe(make_customer("acme"), version, starts_at=JAN, at=MAY_11)
    pause(subscription=subscription, at=MAY_11)
    pass_time(MAY_11)
    assert issued_amounts() == [D(730), D(-470)]
    assert_clean(*SUBJECTS)


def test_after_a_trial_it_is_due_with_the_trials_invoice():
    subscribe(make_customer("acme"), yearly(trial_days=14, anchor="anniversary"))
    pass_time(JAN, day("2026-01-15"), day("2027-01-15"))
    assert issued_amounts() == [D(730), D(730)]
    assert [line.service_start for line in Line.objects.order_by("pk")] == [day("2026-01-15"), day("2027-01-15")]
    assert_clean(*SUBJECTS)


def test_a_preview_considers_fees_of_earlier_unbilled_periods():
    """Nothing is billed yet: the preview of March considers those of the opening, January and February."""
    subscription = subscribe(make_customer("acme"), yearly(), at=MAR + HOUR)
    amounts = [
        preview(at=MAR + HOUR, period=period).totals.net for period in subscription.periods.order_by("ends_at")
    ]
    assert amounts == [730, 0, 0, 0]


@settings(max_examples=12, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(
    second=st.integers(1, 365 * 24 * 3600 - 1),
    amount=st.decimals("0.01", "9999.99", places=2),
    proration=st.sampled_from(["second", "day", "none"]),
    anchor=st.sampled_from(["calendar", "anniversary"]),
)
def test_used_and_given_back_are_the_full_price_at_any_instant(second, amount, proration, anchor):
    with transaction.atomic():
        subscription = subscribe(make_customer("acme"), yearly(amount, proration=proration, anchor=anchor))
        close_due(at=JAN)
        ends_at = JAN + timedelta(seconds=second)
        generate_periods(until=ends_at + HOUR)
        ends_at = cancel(subscription=subscription, at=ends_at, ends_at=ends_at, give_back="credit").ends_at
        close_due(at=ends_at + 2 * HOUR)
        days = (ends_at - JAN).days if proration == "day" else (ends_at - JAN) / timedelta(days=1)
        used = amount if proration == "none" else (amount * D(days) / 365).quantize(D("0.01"), "ROUND_HALF_UP")
        assert issued_amounts() == [expected for expected in (amount, used - amount) if expected]
        transaction.set_rollback(True)


def test_only_plans_with_such_a_fee_need_one_more_query():
    def queries(version):
        for _ in range(3):
            subscribe(make_customer(), version)
        close_due(at=JAN)
        generate_periods(until=FEB + HOUR)
        with sent_statements() as statements:
            close_due(at=FEB + HOUR)
        return [statement for statement in statements if "f.every > 1" in statement]

    plain = publish(make_plan("plain", fees=[fee("5")], offers=[offer("calls", rates=[rate("0.10")])]))
    assert (len(queries(plain)), len(queries(yearly()))) == (0, 1)


@pytest.mark.parametrize(
    ("fields", "every", "why"),
    [
        ({"interval": "day"}, 120, ""),
        ({"interval": "month", "count": 2}, 61, "Enter at most 60"),
        ({"interval": "month", "count": 3, "anchor": "calendar"}, 3, "would not always start with a billing period"),
        ({"interval": "month", "count": 3, "anchor": "calendar"}, 4, ""),
        ({"interval": "month", "count": 3, "anchor": "anniversary"}, 3, ""),
        ({"interval": "week", "count": 2, "anchor": "calendar"}, 26, ""),
    ],
)
def test_its_interval_must_fit_the_periods(fields, every, why):
    version = make_plan(fees=[fee("5", every=every)], **fields)
    problems = problems_of(version)
    assert problems == [] if not why else why in problems[0]
