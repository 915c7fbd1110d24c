"""A customer whose events have left, and history that has left."""

from datetime import UTC, datetime, timedelta

import pghistory.core
from django.test import override_settings

from access.audit_log.removal import _remove_batch
from billing.closing import close_due
from billing.privacy.event_removal import LEAST_DAYS_OF_EVENTS, remove_old_events
from billing.subscriptions import cancel, end_finished, generate_periods
from customers.models import Contact, TestClock
from tests.billing.metering.ingest.ingest_setup import call, calls, send
from tests.builders import FEB, JAN, make_clock, make_customer, make_plan, offer, publish, rate, subscribe


def remove_events() -> None:
    """
    Let the events of a sandbox customer leave: its clock stands years after its only period, which is billed.

    An event after its end has no subscription, so it stays.
    """
    clock = make_clock(JAN)
    customer = make_customer("past", sandbox=True, test_clock=clock)
    plan = publish(make_plan("past", offers=[offer(calls(), rates=[rate("0.10")])]))
    subscription = subscribe(customer, plan)
    send(
        *(call(f"past{n}", customer="past", timestamp=(JAN + timedelta(days=n)).isoformat()) for n in range(3)),
        at=FEB,
        sandbox=True,
    )
    after = call("after", customer="past", timestamp=(FEB + timedelta(hours=12)).isoformat())
    cancel(subscription=subscription, at=JAN, ends_at=FEB)
    send(after, at=FEB + timedelta(days=1), sandbox=True)
    generate_periods(until=FEB, clock_id=clock.pk)
    close_due(at=FEB + timedelta(days=5), clock_id=clock.pk)
    end_finished(at=FEB + timedelta(days=5), clock_id=clock.pk)
    TestClock.objects.filter(pk=clock.pk).update(now=FEB + timedelta(days=LEAST_DAYS_OF_EVENTS))
    with override_settings(EVENT_RETENTION_DAYS=LEAST_DAYS_OF_EVENTS):
        assert remove_old_events(at=JAN).events == 3


def rename_contact() -> None:
    contact = Contact.objects.earliest("pk")
    for name in ("Bea", "Beate"):
        contact.name = name
        contact.save()


def remove_history(*, at: datetime) -> None:
    """Let the earlier changes of contacts leave, which are sealed."""
    (history,) = pghistory.core.event_models(tracks_model=Contact)
    assert _remove_batch(history, before=datetime(2026, 4, 1, tzinfo=UTC), at=at)
