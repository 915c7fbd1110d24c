"""Closing in bulk and ingest lock the same rows: the second one waits, and no usage is lost between them."""

from datetime import timedelta

import pytest

from billing.closing import batch, bill_late_usage, close_due, invoice_inputs
from billing.closing.late_usage import late_invoices as late_documents
from billing.metering.store import events as event_store
from billing.models import BilledUsage, Period, Subscription
from billing.subscriptions import cancel
from tests.billing.metering.ingest.ingest_setup import call, make_metered_subscription, send
from tests.builders import FEB, JAN, MAR
from tests.races import Pause, start, wait_until_blocked

pytestmark = pytest.mark.django_db(transaction=True)

AT, NEXT = FEB + timedelta(hours=1), MAR + timedelta(hours=1)


def use(id_: str) -> list[str]:
    return send(call(id_, customer="acme", timestamp="2026-01-05T00:00:00Z"))


@pytest.fixture
def subscription() -> Subscription:
    subscription = make_metered_subscription("acme")
    use("first")
    return subscription


def january() -> tuple[int, bool]:
    """Return how many events of January are billed, and whether the period has late usage."""
    period = Period.objects.get(kind="regular", starts_at=JAN)
    last = BilledUsage.objects.filter(period=period).order_by("high_water_mark").last()
    return (last.events if last else 0), period.late_since is not None


def test_a_close_skips_a_locked_period_then_waits_for_its_usage_and_bills_it(subscription, monkeypatch):
    pause = Pause.before(monkeypatch, event_store, "append")
    ingest = start(lambda: use("second"))
    pause.await_arrival()
    close = start(lambda: close_due(at=AT))
    wait_until_blocked()
    pause.release()
    assert ingest.result() == ["accepted"]
    assert close.result().issued == 1
    assert january() == (2, False)


def test_usage_waits_for_a_close_under_way_and_is_late(subscription, monkeypatch):
    pause = Pause.before(monkeypatch, invoice_inputs, "read_counters")
    close = start(lambda: close_due(at=AT))
    pause.await_arrival()
    ingest = start(lambda: use("second"))
    wait_until_blocked()
    pause.release()
    assert close.result().issued == 1
    assert ingest.result() == ["accepted"]
    assert january() == (1, True)


def test_usage_waits_while_earlier_late_usage_is_billed(subscription, monkeypatch):
    close_due(at=AT)
    use("second")
    pause = Pause.before(monkeypatch, batch, "read_high_water_mark")
    close = start(lambda: close_due(at=NEXT))
    pause.await_arrival()
    ingest = start(lambda: use("third"))
    wait_until_blocked()
    pause.release()
    assert close.result().late_billed == 1
    assert ingest.result() == ["accepted"]
    assert january() == (2, True)


def test_a_close_waits_for_late_usage_in_progress(subscription, monkeypatch):
    close_due(at=AT)
    use("second")
    pause = Pause.before(monkeypatch, event_store, "append")
    ingest = start(lambda: use("third"))
    pause.await_arrival()
    close = start(lambda: close_due(at=NEXT))
    wait_until_blocked()
    pause.release()
    assert ingest.result() == ["accepted"]
    assert close.result().late_billed == 1
    assert january() == (3, False)


def test_usage_waits_while_an_ended_subscriptions_late_usage_is_billed(subscription, monkeypatch):
    cancel(subscription=subscription, at=JAN, ends_at=FEB)
    close_due(at=AT)
    use("second")
    Period.objects.update(late_since=FEB)
    pause = Pause.before(monkeypatch, late_documents, "read_high_water_mark")
    close = start(lambda: bill_late_usage(at=NEXT))
    pause.await_arrival()
    ingest = start(lambda: use("third"))
    wait_until_blocked()
    pause.release()
    assert close.result().issued == 1
    assert ingest.result() == ["accepted"]
    assert january() == (2, True)
