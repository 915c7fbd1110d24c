"""Nothing is due during a pause; fees paid in advance are credited, and periods continue from their anchor."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from billing.closing import close_due, preview_pause
from billing.limits.check import check
from billing.metering.ingest.reprocess import reprocess
from billing.models import UnmatchedUsage
from billing.subscriptions import (
    CancellationRefused,
    ChangeRefused,
    PauseRefused,
    apply_due_pauses,
    cancel,
    change_plan,
    end_finished,
    generate_periods,
    pause,
    resume,
    uncancel,
)
from customers.models import Notification
from invoices.models import Invoice
from tests.billing.metering.ingest.ingest_setup import send
from tests.builders import (
    APR,
    FEB,
    JAN,
    MAR,
    commitment,
    covered_features,
    fee,
    make_customer,
    make_feature,
    make_meter,
    make_plan,
    offer,
    publish,
    rate,
    subscribe,
)
from tests.clean_books import assert_clean
from tests.docs_tables import rows

SUBJECTS = ("subscriptions", "usage", "invoices", "payments")

pytestmark = pytest.mark.django_db

D = Decimal
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
DAY_10 = JAN + 10 * DAY


def plan(code="paid", *, fees=(), included=0, price="0.10", **fields):
    fees = fees or [fee("31")]
    return publish(
        make_plan(code, fees=fees, offers=[offer("calls", included=included, rates=[rate(price)])], **fields)
    )


def subscribed(version=None, **fields):
    subscription = subscribe(make_customer("acme"), version or plan(), **fields)
    close_due(at=JAN)
    return subscription


def used(n, moment, id_="a"):
    for number in range(n):
        event = {"id": f"{id_}{number}", "customer": "acme", "event": "calls", "timestamp": moment.isoformat()}
        send(event, at=moment)


def pass_time(until):
    """Run the periodic tasks, day by day."""
    day = JAN
    while day < until:
        day += DAY
        apply_due_pauses(at=day)
        generate_periods(until=day + 2 * HOUR)
        close_due(at=day)
        end_finished(at=day)


def issued_amounts():
    """Return the issued net amounts, in order: invoices above zero, credit notes below."""
    invoices = Invoice.objects.order_by("issued_at", "pk")
    return [invoice.net.amount * (-1 if invoice.kind == "credit_note" else 1) for invoice in invoices]


def day(text):
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=UTC)


@pytest.mark.parametrize("row", rows("closing.md", "pauses"), ids=lambda row: row["why"])
def test_nothing_is_due_during_a_pause_as_documented(row):
    fees = [fee("31", billed=row["fee"]), *([fee("100", kind="one_time")] if row["setup"] else [])]
    subscription = subscribed(plan(fees=fees, included=int(row["included"] or 0)))
    used(int(row["used before"]), JAN + DAY, "before")
    arguments = {"starts_at": day(row["paused"]), "ends_at": day(row["resumed"])}
    draft = preview_pause(subscription=subscription, at=JAN + 2 * DAY, **arguments)
    pause(subscription=subscription, at=JAN + 2 * DAY, **arguments)
    pass_time(day(row["resumed"]))
    used(int(row["used after"]), day(row["resumed"]) + HOUR, "after")
    pass_time(APR - DAY)
    assert issued_amounts() == [D(amount_text) for amount_text in row["documents"].split(", ")]
    assert [draft_note.totals.net for draft_note in draft.credit_notes] == [
        -credit_note for credit_note in issued_amounts() if credit_note < 0
    ]
    assert_clean(*SUBJECTS)


def test_a_pause_starts_at_once_and_a_check_sees_it():
    subscription = subscribed()
    pause(subscription=subscription, at=DAY_10)
    subscription.refresh_from_db()
    answer = check(customer="acme", feature="calls", quantity=D(1), sandbox=False, at=DAY_10 + HOUR)
    assert (subscription.state, answer.allowed, answer.reason) == ("paused", False, "paused")
    assert generate_periods(until=MAR) == 0
    assert covered_features(subscription) == ["calls"], "nobody else takes its features"


def test_usage_is_stored_and_billed_if_the_pause_ends_before_it():
    subscription = subscribed()
    pause(subscription=subscription, at=DAY_10)
    used(2, DAY_10 + DAY)
    assert {unmatched_usage.reason for unmatched_usage in UnmatchedUsage.objects.all()} == {"paused"}
    assert_clean(*SUBJECTS)
    resume(subscription=subscription, at=DAY_10 + 3 * DAY, resumes_at=DAY_10 + HOUR)
    reprocess(at=DAY_10 + 3 * DAY)
    assert not UnmatchedUsage.objects.filter(resolved_at__isnull=True).exists()
    pass_time(FEB + DAY)
    assert_clean(*SUBJECTS)


def test_a_pause_that_ends_at_its_start_costs_nothing():
    subscription = subscribed()
    pause(subscription=subscription, at=DAY_10)
    resume(subscription=subscription, at=DAY_10)
    pass_time(FEB + DAY)
    assert issued_amounts() == [D("31.00"), D("31.00")]
    assert_clean(*SUBJECTS)


def test_an_upcoming_pause_is_listed_and_can_be_revoked():
    subscription = subscribed()
    pause(subscription=subscription, at=DAY_10, at_period_end=True, ends_at=MAR)
    subscription.refresh_from_db()
    assert subscription.state == "active"
    taken_back = resume(subscription=subscription, at=DAY_10 + DAY)
    assert taken_back.state == "revoked"
    pass_time(MAR + DAY)
    assert issued_amounts() == [D("31.00"), D("31.00"), D("31.00")]
    assert_clean(*SUBJECTS)


def test_a_new_end_replaces_the_former_end():
    subscription = subscribed()
    pause(subscription=subscription, at=DAY_10, ends_at=FEB)
    generate_periods(until=FEB + HOUR)
    resume(subscription=subscription, at=FEB - HOUR, resumes_at=MAR)
    pass_time(MAR + DAY)
    assert issued_amounts() == [D("31.00"), D("-21.00"), D("31.00")]
    assert_clean(*SUBJECTS)


def test_a_pause_is_announced():
    subscription = subscribed()
    pause(subscription=subscription, at=DAY_10, ends_at=FEB)
    pass_time(FEB)
    kinds = (
        Notification.objects.filter(kind__startswith="subscription.").order_by("pk").values_list("kind", flat=True)
    )
    assert list(kinds) == ["subscription.created", "subscription.paused", "subscription.resumed"]


def test_a_paused_subscription_can_be_canceled():
    subscription = subscribed()
    pause(subscription=subscription, at=DAY_10)
    pass_time(DAY_10 + DAY)
    ended = cancel(subscription=subscription, at=DAY_10 + DAY)
    assert (ended.state, ended.ends_at) == ("ended", DAY_10 + DAY)
    with pytest.raises(CancellationRefused, match="there is no cancellation to undo"):
        uncancel(subscription=subscription, at=DAY_10 + DAY)
    assert_clean(*SUBJECTS)


def test_a_commitment_is_prorated_before_and_after_the_pause():
    """Ten days of thirty-one before the pause, and eleven after it."""
    version = plan(commitments=[commitment(310)])
    subscription = subscribed(version)
    pause(subscription=subscription, at=DAY_10, ends_at=DAY_10 + 10 * DAY)
    pass_time(FEB + DAY)
    assert issued_amounts() == [D("31.00"), D("100.00"), D("-21.00"), D("11.00"), D("110.00") + D("31.00")]
    assert_clean(*SUBJECTS)


LEVEL = {"aggregation": "max", "value_property": "gb"}


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"starts_at": JAN}, "is in the past"),
        ({"starts_at": FEB, "ends_at": FEB}, "must be after its start"),
        ({"starts_at": FEB, "ends_at": APR}, "ends at"),
    ],
)
def test_an_invalid_time_is_rejected(arguments, why):
    subscription = subscribed(ends_at=MAR)
    with pytest.raises(PauseRefused, match=why):
        pause(subscription=subscription, at=DAY_10, **arguments)


def test_a_feature_metered_by_level_is_paused_at_its_periods_end():
    disk = make_feature("disk", meter=make_meter("disk", **LEVEL))
    subscription = subscribed(publish(make_plan(offers=[offer(disk, rates=[rate("1")])])))
    with pytest.raises(PauseRefused, match=r"charge twice\. Pause it at the end of the period"):
        pause(subscription=subscription, at=DAY_10)
    assert pause(subscription=subscription, at=DAY_10, at_period_end=True).starts_at == FEB


def test_a_trial_is_extended_instead_of_paused():
    subscription = subscribed(trial_days=14)
    with pytest.raises(PauseRefused, match="Extend the trial"):
        pause(subscription=subscription, at=JAN + DAY)


def test_a_second_pause_waits_for_the_first():
    subscription = subscribed()
    pause(subscription=subscription, at=DAY_10, starts_at=FEB)
    with pytest.raises(PauseRefused, match="already"):
        pause(subscription=subscription, at=DAY_10)


def test_plans_change_only_after_the_pause():
    subscription = subscribed()
    dearer = plan("dearer")
    pause(subscription=subscription, at=DAY_10, starts_at=FEB)
    with pytest.raises(ChangeRefused, match="is scheduled to pause"):
        change_plan(subscription=subscription, version=dearer, at=DAY_10)


def test_a_running_subscription_is_not_resumed():
    with pytest.raises(PauseRefused, match="is not paused"):
        resume(subscription=subscribed(), at=DAY_10)
