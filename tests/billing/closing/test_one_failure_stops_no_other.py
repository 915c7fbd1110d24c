"""A period that can't be billed records the reason and is retried; all others are billed as if it did not exist."""

import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction

from billing.closing import ClosingFailed, batch, close_due, close_period, period_close
from billing.metering.store import counter_store
from billing.models import Counter, Period, Subscription
from invoices.models import Invoice, NumberSeries
from tests.builders import make_customer, make_plan, offer, publish, rate, subscribe, use
from tests.races import start

pytestmark = pytest.mark.django_db(transaction=True)

AT = datetime(2026, 2, 1, 1, tzinfo=UTC)


@pytest.fixture
def subscriptions() -> list[Subscription]:
    version = publish(make_plan(offers=[offer("api.calls", rates=[rate("0.05")])]))
    created = [subscribe(make_customer(), version) for _ in range(7)]
    for subscription in created:
        use(subscription, "api.calls", 100)
    return created


def add_usage_without_a_price(period: Period) -> None:
    Counter.objects.filter(period=period).update(plan_feature_id=10**9)


def exceed_the_greatest_amount_of_a_line(period: Period) -> None:
    Counter.objects.filter(period=period).update(quantity=10**30)


BROKEN = [
    (add_usage_without_a_price, "has no price in USD"),
    (exceed_the_greatest_amount_of_a_line, "out of range|overflow"),
]


@pytest.mark.parametrize(("spoil", "words"), BROKEN)
@pytest.mark.parametrize("chunk", [1, 3, 100])
def test_the_others_are_billed(
    subscriptions: list[Subscription], spoil: Callable[[Period], None], words: str, chunk: int
):
    broken = subscriptions[3].periods.get()
    spoil(broken)
    done = close_due(at=AT, chunk_size=chunk)
    assert (done.issued, [failure.period_id for failure in done.failed]) == (6, [broken.pk])
    numbers = Invoice.objects.order_by("sequence").values_list("sequence", flat=True)
    assert list(numbers) == [1, 2, 3, 4, 5, 6], "failed periods took no number"
    assert NumberSeries.objects.get().last_number == 6
    broken.refresh_from_db()
    assert (broken.state, broken.attempts) == ("open", 1)
    assert re.search(words, broken.error), broken.error


def test_it_is_retried_after_longer_and_longer_pauses(subscriptions: list[Subscription]):
    broken = subscriptions[0].periods.get()
    add_usage_without_a_price(broken)
    pauses = []
    at = AT
    for _ in range(12):
        close_due(at=at)
        broken.refresh_from_db()
        pauses.append(broken.retry_at - at)
        assert close_due(at=broken.retry_at - timedelta(seconds=1)).failed == [], "not before its time"
        at = broken.retry_at
    assert pauses[:4] == [timedelta(minutes=minutes) for minutes in (1, 2, 4, 8)]
    assert pauses[-1] == timedelta(hours=6)


def test_it_is_billed_once_it_is_corrected(subscriptions: list[Subscription]):
    broken = subscriptions[0].periods.get()
    good = Counter.objects.get(period=broken).plan_feature_id
    add_usage_without_a_price(broken)
    close_due(at=AT)
    Counter.objects.filter(period=broken).update(plan_feature_id=good)
    assert close_due(at=AT + timedelta(minutes=1)).issued == 1
    broken.refresh_from_db()
    assert (broken.state, broken.error, broken.retry_at) == ("closed", "", None)


def test_closing_it_by_hand_gives_the_reason(subscriptions: list[Subscription]):
    broken = subscriptions[0].periods.get()
    add_usage_without_a_price(broken)
    with pytest.raises(ClosingFailed, match="has no price in USD"):
        close_period(period_id=broken.pk, at=AT)
    assert Period.objects.failed().get() == broken


def test_a_lost_connection_is_no_failure_of_a_period(subscriptions: list[Subscription], monkeypatch):
    """The server ends the connection in mid-chunk: no period records an error, and each is billed once."""
    read, deaths = batch.read_high_water_mark, []

    def die_once() -> int:
        if not deaths:
            deaths.append(1)
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return read()

    monkeypatch.setattr(batch, "read_high_water_mark", die_once)
    done = close_due(at=AT)
    assert (deaths, done.issued, done.failed) == ([1], 7, [])
    assert not Period.objects.exclude(error="").exists()
    assert list(Invoice.objects.order_by("sequence").values_list("sequence", flat=True)) == [1, 2, 3, 4, 5, 6, 7]


def test_usage_that_locks_a_period_for_long_delays_only_that_one(subscriptions: list[Subscription], monkeypatch):
    monkeypatch.setattr(period_close, "LOCK_TIMEOUT_MILLISECONDS", 100)
    locked_period = subscriptions[2].periods.get()
    locked, unlock = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            counter_store.lock_periods([locked_period.pk])
            locked.set()
            unlock.wait(30)

    holder = start(hold)
    locked.wait(30)
    done = close_due(at=AT)
    assert (done.issued, done.busy, done.failed) == (6, 1, [])
    unlock.set()
    holder.result()
    assert close_due(at=AT).issued == 1


def test_an_error_with_a_null_character_can_be_stored(subscriptions: list[Subscription]):
    (first, *_) = Period.objects.order_by("pk")
    first.error = batch.describe_error(ValueError("a name of\0 nothing"))
    first.save(update_fields=["error"])
    first.refresh_from_db()
    assert first.error == "a name of nothing (ValueError)"
