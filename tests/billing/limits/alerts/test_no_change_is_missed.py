"""The evaluation follows sequence numbers, and also sees a number whose transaction commits late."""

from datetime import timedelta
from decimal import Decimal

import pytest

from billing.limits.alerts import change_feed, evaluation
from billing.limits.alerts.change_feed import (
    EVENTS,
    SequenceRange,
    SequenceSnapshot,
    next_range,
    queue_changed_customers,
)
from billing.metering.ingest import event_recorder
from billing.models import Alert, ChangeCursor, PendingEvaluation
from tests.billing.limits.alerts.alert_setup import MINUTE, NOW, alerts, evaluate, messages, use
from tests.builders import cap, make_customer
from tests.races import Pause, start, together
from wallets.ledger.grant import Grant, grant
from wallets.models import Wallet

STEPS = [
    # position noted horizon   last oldest next    position noted horizon  why
    ((0,   0,   0),   (10, 50, 50),   (10, 10, 50),  "nothing runs: all that is numbered can be seen"),
    ((0,   0,   0),   (10, 40, 50),   (0,  10, 50),  "one runs, which may have a number yet to be seen"),
    ((0,   10,  50),  (20, 40, 60),   (0,  10, 50),  "the same still runs"),
    ((0,   10,  50),  (20, 50, 60),   (10, 20, 60),  "all that ran then are over; a later one runs"),
    ((10,  20,  60),  (20, 99, 99),   (20, 20, 99),  "all are over"),
]  # fmt: skip


@pytest.mark.parametrize(("was", "seen", "becomes", "why"), STEPS)
def test_a_number_becomes_the_position_once_earlier_transactions_ended(was, seen, becomes, why):
    position, noted, horizon = was
    range_ = next_range(ChangeCursor(position=position, noted=noted, horizon=horizon), SequenceSnapshot(*seen))
    assert range_ == SequenceRange(position, seen[0], *becomes), why


@pytest.mark.django_db(transaction=True)
def test_an_event_that_is_committed_late_is_seen(monkeypatch):
    messages(10)
    messages(10, ref="quick")
    pause = Pause.before(monkeypatch, event_recorder, "_count_events")
    slow = start(lambda: use("message", 5))  # it has its sequence number, and is not committed
    pause.await_arrival()
    use("message", 9, customer="quick")
    evaluate()
    assert set(Alert.objects.values_list("customer__external_id", flat=True)) == {"quick"}
    pause.release()
    slow.result()
    evaluate(NOW + 2 * MINUTE)
    assert set(Alert.objects.values_list("customer__external_id", flat=True)) == {"acme", "quick"}


@pytest.fixture
def alone(monkeypatch):
    """Replace the server's snapshot: it has transactions of other tests' databases, too."""
    monkeypatch.setattr(change_feed, "_RUNNING_TRANSACTIONS", "SELECT 1::bigint, 1::bigint")


@pytest.mark.usefixtures("alone")
@pytest.mark.django_db(transaction=True)
def test_processed_events_are_not_evaluated_again():
    messages(10)
    use("message", 5)
    evaluate()
    assert evaluate(NOW + 2 * MINUTE).customers == 0


@pytest.mark.usefixtures("alone")
@pytest.mark.django_db(transaction=True)
def test_each_change_evaluates_only_its_customer():
    acme = messages(10)
    make_customer("idle")
    wallet = Wallet.objects.create(customer=make_customer("prepaid"))
    evaluate()
    assert evaluate(NOW + 2 * MINUTE).customers == 0
    grant(wallet_id=wallet.pk, grants=[Grant("purchased", Decimal(5), "pack")], at=NOW)
    cap(acme, 100, at=NOW)
    assert evaluate(NOW + 3 * MINUTE).customers == 2


@pytest.mark.django_db(transaction=True)
def test_concurrent_evaluations_announce_once():
    for number in range(20):
        messages(10, ref=f"c{number}")
        use("message", 6, customer=f"c{number}")
    swept = together(*[lambda: evaluate(NOW + MINUTE)] * 4)
    assert sum(summary.fired for summary in swept) == Alert.objects.count() == 20
    assert not PendingEvaluation.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_change_during_an_evaluation_is_evaluated_again(monkeypatch):
    messages(10)
    use("message", 5)
    queue_changed_customers(EVENTS, at=NOW)
    pause = Pause.before(monkeypatch, evaluation, "update_alerts")
    slow = start(lambda: evaluate(NOW + MINUTE))  # has read five of ten
    pause.await_arrival()
    use("message", 5, at=NOW + timedelta(seconds=1))
    other = start(lambda: evaluate(NOW + 2 * MINUTE))  # waits for the customer
    pause.release()
    slow.result(), other.result()
    evaluate(NOW + 3 * MINUTE)
    assert alerts() == [("allowance", level, "open") for level in (50, 75, 90, 100)]
