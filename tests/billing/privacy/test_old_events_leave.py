"""Events leave once their retention is over and nothing needs them: docs/personal-data.md#events."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from billing.audit import audit
from billing.closing import close_due
from billing.jobs import start as job_start
from billing.metering.corrections.validation import REJECTED
from billing.metering.dismissal import dismiss
from billing.metering.ingest.parser import MAX_AGE
from billing.metering.usage.event_trace import trace_event
from billing.metering.usage.line_events import read_line_usage, read_page
from billing.models import Counter, Event, EventRemoval, Period, Reservation, Subscription, UnmatchedUsage
from billing.models.event_removals import LEAST_AGE
from billing.models.jobs import JobKind
from billing.privacy.event_removal import LEAST_DAYS_OF_EVENTS, remove_old_events
from billing.simulation import simulate
from billing.simulation.sandbox.clones import CannotClone, clone
from billing.subscriptions import generate_periods
from config.retention import KINDS
from customers.models.portal_access import PortalAccessWay
from customers.portal.visit import COOKIE
from customers.portal_auth import sessions
from invoices.models import Invoice, Line
from tests.billing.metering.corrections.correction_setup import correct_all, correction_request, person
from tests.billing.metering.ingest.ingest_setup import call, make_metered_subscription, request, send
from tests.billing.metering.ingest.request_parser import parse
from tests.builders import (
    FEB,
    JAN,
    MAR,
    make_clock,
    make_plan,
    offer,
    publish,
    rate,
    subscribe,
)
from tests.clean_books import BooksNotClean, assert_clean
from tests.db_refusals import refused_by
from tests.docs_tables import rows
from tests.owner_rights import as_application, past_triggers

pytestmark = pytest.mark.django_db

DAYS = LEAST_DAYS_OF_EVENTS
USED = datetime(2026, 1, 20, 12, tzinfo=JAN.tzinfo)
LATER = FEB + timedelta(days=DAYS + 10)
"""A time at which only the events of January are old enough."""


@pytest.fixture(autouse=True)
def events_are_kept_for_a_time(settings):
    settings.EVENT_RETENTION_DAYS = DAYS


@pytest.fixture
def books() -> Subscription:
    """Use API calls and tokens in January, February and March; January and February are billed."""
    subscription = make_metered_subscription()
    for number, at in enumerate((JAN + timedelta(days=3), USED, FEB + timedelta(days=2), MAR + timedelta(days=5))):
        send(
            call(f"c{number}", timestamp=at.isoformat()),
            {**request(f"t{number}", 900, 200 + number), "timestamp": at.isoformat()},
            at=at,
        )
    close(until=MAR + timedelta(days=6))
    return subscription


def close(*, until: datetime) -> None:
    generate_periods(until=until)
    assert close_due(at=until).failed == []


def stored() -> list[str]:
    return sorted(Event.objects.values_list("sender_id", flat=True))


ALL = ["c0", "c1", "c2", "c3", "t0", "t1", "t2", "t3"]
FROM_FEBRUARY = ["c2", "c3", "t2", "t3"]

TIMES = [
    # days after the end of January, the stored events, why
    (DAYS - 1, ALL, "its retention is not over"),
    (DAYS, FROM_FEBRUARY, "January is over for as long as events are kept"),
    (DAYS + 27, FROM_FEBRUARY, "February is not"),
    (DAYS + 28, ["c3", "t3"], "February is"),
    (DAYS + 500, ["c3", "t3"], "March is not billed"),
]


@pytest.mark.parametrize(("days", "kept", "why"), TIMES)
def test_a_period_leaves_at_its_time_and_not_before(books, days, kept, why):
    remove_old_events(at=FEB + timedelta(days=days))

    assert stored() == kept, why
    assert_clean("usage", "invoices")


def test_without_a_setting_events_stay_permanently(books, settings):
    settings.EVENT_RETENTION_DAYS = 0

    remove_old_events(at=LATER + timedelta(days=10_000))

    assert stored() == ALL


def test_a_removal_is_recorded_with_its_count(books):
    counts = remove_old_events(at=LATER)

    removal = EventRemoval.objects.get()
    assert (counts.customers, counts.events, counts.busy) == (1, 4, 0)
    assert (removal.until, removal.removed_at, removal.events) == (FEB, LATER, 4)
    assert removal.finished_at == LATER
    assert remove_old_events(at=LATER).events == 0


def test_invoices_and_sums_stay_as_they_were(books):
    sums = list(Counter.objects.order_by("pk").values())
    lines = list(Line.objects.order_by("pk").values())

    remove_old_events(at=LATER)

    assert list(Counter.objects.order_by("pk").values()) == sums
    assert list(Line.objects.order_by("pk").values()) == lines
    assert Invoice.objects.count() == 2


def test_a_repeat_of_an_event_that_left_is_refused_as_too_old(books):
    remove_old_events(at=LATER)

    events, errors, _ = parse([call("c0", timestamp=(JAN + timedelta(days=3)).isoformat())], at=LATER)

    assert (events, errors[0].field) == ([], "timestamp")
    assert LEAST_AGE == MAX_AGE


# Events that something needs ------------------------------------------------------------------------------------


def late_usage(subscription: Subscription) -> None:
    send(call("late", timestamp=(JAN + timedelta(days=4)).isoformat()), at=MAR + timedelta(days=7))
    assert Period.objects.late().get().starts_at == JAN


def voided_event(subscription: Subscription) -> None:
    correct_all(correction_request("c0"), at=MAR + timedelta(days=7))


def unmatched_event(subscription: Subscription) -> None:
    send(call("unknown", timestamp=JAN.isoformat(), subscription="nobody's"), at=FEB)
    assert UnmatchedUsage.objects.outstanding().count() == 1


def open_reservation(subscription: Subscription) -> None:
    period = subscription.periods.get(starts_at=JAN)
    Reservation.objects.create(
        customer=subscription.customer,
        period=period,
        plan_feature=period.version.features.first(),
        reference="r1",
        rate_id=0,
        window_start=JAN,
        quantity=1,
        at=JAN,
        until=FEB,
    )


def unfinished_simulation(subscription: Subscription) -> None:
    job_start.start(kind=JobKind.SIMULATION, title="x", parameters={}, dry_run=False, by=None, at=MAR)


def replaying_clone(subscription: Subscription) -> None:
    clone(source=subscription.customer, periods=3, at=MAR + timedelta(days=8), by=None)


@pytest.mark.parametrize(
    "needed",
    [late_usage, voided_event, unmatched_event, open_reservation, unfinished_simulation, replaying_clone],
)
def test_events_that_something_needs_stay(books, needed):
    needed(books)
    before = set(stored())

    remove_old_events(at=LATER)

    assert before <= set(stored())
    assert not EventRemoval.objects.exists()


def test_events_of_an_open_period_stay_however_old(books):
    period = books.periods.get(starts_at=MAR)

    remove_old_events(at=MAR + timedelta(days=5_000))

    assert "c3" in stored()
    assert (
        refused_by(
            "INSERT INTO billing_eventremoval (customer_id, until, removed_at, events) VALUES (%s, %s, %s, 0)",
            books.customer_id,
            period.ends_at,
            period.ends_at + timedelta(days=900),
        )
        == "events_are_removed_after_they_are_billed"
    )


def test_a_removal_is_refused_while_repeats_may_arrive(books):
    insert = "INSERT INTO billing_eventremoval (customer_id, until, removed_at, events) VALUES (%s, %s, %s, 0)"

    assert refused_by(insert, books.customer_id, FEB, FEB + MAX_AGE) == "nothing"
    assert (
        refused_by(insert, books.customer_id, FEB, FEB + MAX_AGE - timedelta(seconds=1))
        == "events_are_kept_while_repeats_may_arrive"
    )


def test_dismissed_usage_leaves_and_its_report_stays(books):
    unmatched_event(books)
    dismiss(
        report_ids=list(UnmatchedUsage.objects.values_list("pk", flat=True)), reason="a test", at=FEB, by=person()
    )

    remove_old_events(at=LATER)

    assert stored() == FROM_FEBRUARY
    assert UnmatchedUsage.objects.get().event_name == "api.call"
    assert_clean("usage")


# What needs events to know ---------------------------------------------------------------------------------------


def test_an_event_that_left_can_not_be_corrected(books):
    remove_old_events(at=LATER)

    (outcome,) = correct_all(correction_request("c0"), at=LATER)

    assert (outcome.status, outcome.field) == (REJECTED, "id")
    assert "retention is over" in outcome.detail


def test_an_event_about_to_be_deleted_can_not_be_corrected(books):
    EventRemoval.objects.create(customer=books.customer, until=FEB, removed_at=LATER)

    (outcome,) = correct_all(correction_request("c0"), at=LATER)

    assert outcome.status == REJECTED
    assert trace_event(Event.objects.get(sender_id="c0").key.hex) is None
    assert_clean("usage")


def test_a_line_says_that_its_events_have_left(books):
    line = Line.objects.filter(usage__isnull=False, usage__period__starts_at=JAN).first()
    assert read_page(read_line_usage(line.pk), after=None, limit=50)[0]

    remove_old_events(at=LATER)

    usage = read_line_usage(line.pk)
    assert usage.removed == (FEB, LATER)
    assert read_page(usage, after=None, limit=50) == ([], None)


def test_a_version_that_needs_events_is_not_simulated_without_them(books):
    by_events = publish(
        make_plan(
            books.version.plan.code,
            offers=[
                offer(feature, rates=[rate(model="percentage", percent=Decimal(2), free_events=1)])
                for feature in ("calls",)
            ],
        ),
        at=MAR,
    )
    january, february = books.periods.filter(kind="regular", starts_at__lt=MAR).order_by("starts_at")

    def problems_of(period: Period) -> str:
        (simulated,) = simulate(period_ids=[period.pk], versions=[by_events], at=LATER)
        return " ".join(simulated.after[0].problems)

    assert "were deleted" not in problems_of(january)
    remove_old_events(at=LATER)

    assert "were deleted" in problems_of(january)
    assert "were deleted" not in problems_of(february)


def test_a_clone_does_not_reach_back_before_the_removal(books):
    remove_old_events(at=LATER)

    with pytest.raises(CannotClone, match="were deleted"):
        clone(source=books.customer, periods=24, at=MAR + timedelta(days=8), by=None)


# The audit -------------------------------------------------------------------------------------------------------


def test_the_audit_still_finds_an_event_that_was_deleted_otherwise(books):
    remove_old_events(at=LATER)
    assert_clean("usage")
    with past_triggers(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM billing_event WHERE sender_id = 'c2'")

    with pytest.raises(BooksNotClean, match="counters_equal_the_sum_of_their_events"):
        assert_clean("usage")


def test_the_audit_finds_an_event_that_a_finished_removal_left_behind(books):
    remove_old_events(at=LATER)
    with past_triggers(), connection.cursor() as cursor:
        cursor.execute("UPDATE billing_eventremoval SET until = until + interval '3 days'")

    with pytest.raises(BooksNotClean, match="events_that_have_left_are_deleted"):
        assert_clean("usage")


def test_the_audit_says_what_it_does_not_recount(books):
    remove_old_events(at=LATER)

    (finding,) = audit(only=["counters_equal_the_sum_of_their_events"])

    assert finding.note == "1 periods are not recounted: their events, up to 2026-02-01 at the latest, have left."


def test_nobody_deletes_an_event_that_no_removal_names(books):
    assert refused_by("DELETE FROM billing_event WHERE sender_id = 'c0'") == "event_is_append_only"
    with as_application():
        assert refused_by("DELETE FROM billing_event WHERE sender_id = 'c0'") == "event_is_append_only"
    remove_old_events(at=LATER)
    assert refused_by("DELETE FROM billing_event WHERE sender_id = 'c2'") == "event_is_append_only"


def test_a_worker_has_the_rights_to_remove_events(books):
    with as_application():
        assert remove_old_events(at=LATER).events == 4


# Several customers -----------------------------------------------------------------------------------------------


def test_a_sandbox_customer_leaves_by_the_time_of_its_clock():
    clock = make_clock(JAN)
    subscription = make_metered_subscription(sandbox=True, test_clock=clock)
    send(call("c0", timestamp=USED.isoformat()), at=USED, sandbox=True)
    generate_periods(until=MAR, clock_id=clock.pk)
    assert close_due(at=MAR, clock_id=clock.pk).failed == []

    remove_old_events(at=LATER)
    assert stored() == ["c0"], "its clock stands in January"

    type(clock).objects.filter(pk=clock.pk).update(now=LATER)
    remove_old_events(at=JAN)
    assert stored() == []
    assert EventRemoval.objects.get().customer == subscription.customer
    assert_clean("usage")


def test_events_of_unknown_customers_leave_once_they_are_dismissed():
    send(call("c0", customer="nobody", timestamp=USED.isoformat()), at=USED)
    remove_old_events(at=LATER)
    assert stored() == ["c0"]

    dismiss(report_ids=[UnmatchedUsage.objects.get().pk], reason="a test", at=FEB, by=person())
    remove_old_events(at=LATER)

    assert stored() == []
    assert EventRemoval.objects.get().customer is None
    assert_clean("usage")


def test_two_subscriptions_that_begin_on_different_days_leave_too(books):
    offers = [offer("api.calls", rates=[rate("0.01")])]
    version = publish(make_plan(offers=offers, anchor="anniversary"))
    other = subscribe(books.customer, version, JAN + timedelta(days=14), named=True)
    for name, at in (("n0", USED), ("n1", FEB + timedelta(days=20))):
        sent = {"event": "api.calls", "timestamp": at.isoformat(), "subscription": other.external_id}
        send({**call(name), **sent}, at=at)
    close(until=MAR + timedelta(days=20))

    remove_old_events(at=MAR + timedelta(days=DAYS + 3))

    assert stored() == ["c3", "n1", "t3"]
    assert EventRemoval.objects.get().until == FEB + timedelta(days=14)
    assert_clean("usage", "invoices")


# Settings --------------------------------------------------------------------------------------------------------

SETTINGS = [
    # setting, value, whether it is refused
    ("EVENT_RETENTION_DAYS", 0, False),
    ("EVENT_RETENTION_DAYS", DAYS, False),
    ("EVENT_RETENTION_DAYS", DAYS - 1, True),
    ("EVENT_RETENTION_DAYS", -1, True),
    ("IDEMPOTENCY_RETENTION_HOURS", 24, False),
    ("IDEMPOTENCY_RETENTION_HOURS", 23, True),
    ("HISTORY_RETENTION_DAYS", -5, True),
]


@pytest.mark.parametrize(("name", "value", "is_refused"), SETTINGS)
def test_a_setting_below_its_least_value_is_refused(settings, name, value, is_refused):
    setattr(settings, name, value)

    messages = [message for message in run_checks() if message.id == "tollbook.E010"]

    assert len(messages) == is_refused
    for message in messages:
        assert f"TOLLBOOK_{name} is {value}" in message.msg


# Pages -----------------------------------------------------------------------------------------------------------


def test_the_pages_of_a_line_say_that_its_events_have_left(books, admin_client):
    line = Line.objects.filter(usage__period__starts_at=JAN).first()
    books.customer.contacts.create(email="bea@customer.example")
    session = sessions.begin(
        customer=books.customer, contact=books.customer.contacts.get(), way=PortalAccessWay.PRODUCT, at=timezone.now()
    )
    visitor = Client()
    visitor.cookies[COOKIE] = session
    pages = (
        (admin_client, f"/admin/billing/event/line/{line.pk}/"),
        (visitor, reverse("portal_line_events", args=[line.invoice_id, line.position])),
    )
    for client, path in pages:
        page = client.get(path).content.decode()
        assert "were deleted on" not in page
        assert "c0" in page or "t0" in page

    remove_old_events(at=LATER)

    for client, path in pages:
        assert "were deleted on" in client.get(path).content.decode()
    assert admin_client.get(f"/admin/billing/event/line/{line.pk}/events.csv").status_code == 404
    table = reverse("portal_line_events_table", args=[line.invoice_id, line.position])
    assert visitor.get(table).status_code == 404


def test_no_events_leave_by_a_setting_below_the_least_value(books, settings):
    settings.EVENT_RETENTION_DAYS = DAYS - 1

    with pytest.raises(ImproperlyConfigured, match=f"is {DAYS - 1}; events are kept for at least {DAYS} days"):
        remove_old_events(at=LATER)

    assert stored() == ALL


def test_the_page_lists_the_kinds_with_their_settings(settings):
    """Of portal sessions, nobody sets the time."""
    page = {row["setting"].strip("`"): row for row in rows("personal-data.md", "Retention") if row["setting"]}
    settings.EVENT_RETENTION_DAYS = 0  # the default

    assert list(page) == [kind.variable for kind in KINDS]
    for kind in KINDS:
        row = page[kind.variable]
        assert (row["data"], row["kept for"]) == (
            kind.name,
            f"{kind.kept} {kind.unit}" if kind.kept else "permanently",
        )
        assert row["least"] == (f"{kind.least} {kind.unit}" if kind.least > 1 else "1 day")


def test_the_command_lists_kinds_and_how_far_events_have_left(books, capsys):
    remove_old_events(at=LATER)

    call_command("retention")

    printed = capsys.readouterr().out
    assert f"{DAYS} days       TOLLBOOK_EVENT_RETENTION_DAYS" in printed
    assert "Events up to 2026-02-01 00:00 UTC at the latest have left." in printed
