"""While it is paused nothing is due; what was paid in advance comes back, and periods go on from their anchor."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from billing.audit import assert_clean
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
from tests.billing.metering.ingest.world import send
from tests.builders import (
    APR,
    FEB,
    JAN,
    MAR,
    commitment,
    covered,
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
from tests.docs_tables import rows

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
    found = subscribe(make_customer("acme"), version or plan(), **fields)
    close_due(at=JAN)
    return found


def used(n, moment, id_="a"):
    for number in range(n):
        event = {"id": f"{id_}{number}", "customer": "acme", "event": "calls", "timestamp": moment.isoformat()}
        send(event, at=moment)


def pass_time(until):
    """Let the tasks run that time brings, day by day."""
    day = JAN
    while day < until:
        day += DAY
        apply_due_pauses(at=day)
        generate_periods(until=day + 2 * HOUR)
        close_due(at=day)
        end_finished(at=day)


def documents():
    """Return what was issued: invoices above zero, credit notes below, in order."""
    found = Invoice.objects.order_by("issued_at", "pk")
    return [one.net.amount * (-1 if one.kind == "credit_note" else 1) for one in found]


def day(text):
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=UTC)


@pytest.mark.parametrize("row", rows("closing.md", "pauses"), ids=lambda row: row["why"])
def test_nothing_is_due_in_between_as_documented(row):
    fees = [fee("31", billed=row["fee"]), *([fee("100", kind="one_time")] if row["setup"] else [])]
    subscription = subscribed(plan(fees=fees, included=int(row["included"] or 0)))
    used(int(row["used before"]), JAN + DAY, "before")
    arguments = {"starts_at": day(row["paused"]), "ends_at": day(row["resumed"])}
    shown = preview_pause(subscription=subscription, at=JAN + 2 * DAY, **arguments)
    pause(subscription=subscription, at=JAN + 2 * DAY, **arguments)
    pass_time(day(row["resumed"]))
    used(int(row["used after"]), day(row["resumed"]) + HOUR, "after")
    pass_time(APR - DAY)
    assert documents() == [D(one) for one in row["documents"].split(", ")]
    assert [document.totals.net for document in shown.credit_notes] == [-credit_note for credit_note in documents() if credit_note < 0]
    assert_clean()


def test_now_is_at_once_and_a_check_says_so():
    subscription = subscribed()
    pause(subscription=subscription, at=DAY_10)
    subscription.refresh_from_db()
    answer = check(customer="acme", feature="calls", quantity=D(1), sandbox=False, at=DAY_10 + HOUR)
    assert (subscription.state, answer.allowed, answer.reason) == ("paused", False, "paused")
    assert generate_periods(until=MAR) == 0
    assert covered(subscription) == ["calls"], "nobody else takes its features"


def test_usage_is_kept_and_billed_if_it_goes_on_as_of_then():
    subscription = subscribed()
    pause(subscription=subscription, at=DAY_10)
    used(2, DAY_10 + DAY)
    assert {unmatched_usage.reason for unmatched_usage in UnmatchedUsage.objects.all()} == {"paused"}
    assert_clean()
    resume(subscription=subscription, at=DAY_10 + 3 * DAY, resumes_at=DAY_10 + HOUR)
    reprocess(at=DAY_10 + 3 * DAY)
    assert not UnmatchedUsage.objects.filter(resolved_at__isnull=True).exists()
    pass_time(FEB + DAY)
    assert_clean()


def test_at_one_instant_it_costs_nothing():
    subscription = subscribed()
    pause(subscription=subscription, at=DAY_10)
    resume(subscription=subscription, at=DAY_10)
    pass_time(FEB + DAY)
    assert documents() == [D("31.00"), D("31.00")]
    assert_clean()


def test_one_to_come_is_seen_and_taken_back():
    subscription = subscribed()
    pause(subscription=subscription, at=DAY_10, at_period_end=True, ends_at=MAR)
    subscription.refresh_from_db()
    assert subscription.state == "active"
    taken_back = resume(subscription=subscription, at=DAY_10 + DAY)
    assert taken_back.state == "revoked"
    pass_time(MAR + DAY)
    assert documents() == [D("31.00"), D("31.00"), D("31.00")]
    assert_clean()


def test_another_end_takes_the_place_of_the_one_it_had():
    subscription = subscribed()
    pause(subscription=subscription, at=DAY_10, ends_at=FEB)
    generate_periods(until=FEB + HOUR)
    resume(subscription=subscription, at=FEB - HOUR, resumes_at=MAR)
    pass_time(MAR + DAY)
    assert documents() == [D("31.00"), D("-21.00"), D("31.00")]
    assert_clean()


def test_it_is_told():
    subscription = subscribed()
    pause(subscription=subscription, at=DAY_10, ends_at=FEB)
    pass_time(FEB)
    told = Notification.objects.filter(kind__startswith="subscription.").order_by("pk").values_list("kind", flat=True)
    assert list(told) == ["subscription.created", "subscription.paused", "subscription.resumed"]


def test_one_that_is_canceled_meanwhile_ends():
    subscription = subscribed()
    pause(subscription=subscription, at=DAY_10)
    pass_time(DAY_10 + DAY)
    ended = cancel(subscription=subscription, at=DAY_10 + DAY)
    assert (ended.state, ended.ends_at) == ("ended", DAY_10 + DAY)
    with pytest.raises(CancellationRefused, match="nothing is to be taken back"):
        uncancel(subscription=subscription, at=DAY_10 + DAY)
    assert_clean()


def test_a_commitment_has_its_part_of_each_side():
    """Ten days of thirty-one before, and eleven after."""
    version = plan(commitments=[commitment(310)])
    subscription = subscribed(version)
    pause(subscription=subscription, at=DAY_10, ends_at=DAY_10 + 10 * DAY)
    pass_time(FEB + DAY)
    assert documents() == [D("31.00"), D("100.00"), D("-21.00"), D("11.00"), D("110.00") + D("31.00")]
    assert_clean()


LEVEL = {"aggregation": "max", "value_property": "gb"}


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"starts_at": JAN}, "is past"),
        ({"starts_at": FEB, "ends_at": FEB}, "go on"),
        ({"starts_at": FEB, "ends_at": APR}, "ends at"),
    ],
)
def test_a_moment_that_cannot_be_is_named(asked, why):
    subscription = subscribed(ends_at=MAR)
    with pytest.raises(PauseRefused, match=why):
        pause(subscription=subscription, at=DAY_10, **asked)


def test_what_is_charged_by_its_level_is_paused_at_its_periods_end():
    disk = make_feature("disk", meter=make_meter("disk", **LEVEL))
    subscription = subscribed(publish(make_plan(offers=[offer(disk, rates=[rate("1")])])))
    with pytest.raises(PauseRefused, match="pause it at the period's end"):
        pause(subscription=subscription, at=DAY_10)
    assert pause(subscription=subscription, at=DAY_10, at_period_end=True).starts_at == FEB


def test_a_trial_is_made_longer_instead():
    subscription = subscribed(trial_days=14)
    with pytest.raises(PauseRefused, match="let that last longer"):
        pause(subscription=subscription, at=JAN + DAY)


def test_a_second_one_waits_for_the_first():
    subscription = subscribed()
    pause(subscription=subscription, at=DAY_10, starts_at=FEB)
    with pytest.raises(PauseRefused, match="already"):
        pause(subscription=subscription, at=DAY_10)


def test_plans_change_once_it_goes_on():
    subscription = subscribed()
    dearer = plan("dearer")
    pause(subscription=subscription, at=DAY_10, starts_at=FEB)
    with pytest.raises(ChangeRefused, match="is to be paused"):
        change_plan(subscription=subscription, version=dearer, at=DAY_10)


def test_a_running_subscription_is_not_resumed():
    with pytest.raises(PauseRefused, match="is not paused"):
        resume(subscription=subscribed(), at=DAY_10)
