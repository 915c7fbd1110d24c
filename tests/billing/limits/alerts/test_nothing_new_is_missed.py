"""What is new is followed by its number, and a number that shows late is seen all the same."""

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
from tests.billing.limits.alerts.world import MINUTE, NOW, alerts, look, messages, use
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
def test_a_number_is_a_position_once_all_that_ran_are_over(was, seen, becomes, why):
    position, noted, horizon = was
    found = next_range(ChangeCursor(position=position, noted=noted, horizon=horizon), SequenceSnapshot(*seen))
    assert found == SequenceRange(position, seen[0], *becomes), why


@pytest.mark.django_db(transaction=True)
def test_an_event_that_is_committed_late_is_seen(monkeypatch):
    messages(10)
    messages(10, ref="quick")
    pause = Pause.before(monkeypatch, event_recorder, "_count_events")
    slow = start(lambda: use("message", 5))  # has its number, and is not committed
    pause.await_arrival()
    use("message", 9, customer="quick")
    look()
    assert set(Alert.objects.values_list("customer__external_id", flat=True)) == {"quick"}
    pause.let_go()
    slow.result()
    look(NOW + 2 * MINUTE)
    assert set(Alert.objects.values_list("customer__external_id", flat=True)) == {"acme", "quick"}


@pytest.fixture
def alone(monkeypatch):
    """Let nothing else run: the transactions of other tests' databases are on this server, too."""
    monkeypatch.setattr(change_feed, "_RUNNING_TRANSACTIONS", "SELECT 1::bigint, 1::bigint")


@pytest.mark.usefixtures("alone")
@pytest.mark.django_db(transaction=True)
def test_what_was_seen_is_not_looked_at_again():
    messages(10)
    use("message", 5)
    look()
    assert look(NOW + 2 * MINUTE).customers == 0


@pytest.mark.usefixtures("alone")
@pytest.mark.django_db(transaction=True)
def test_each_change_brings_its_customer_and_no_other():
    acme = messages(10)
    make_customer("idle")
    wallet = Wallet.objects.create(customer=make_customer("prepaid"))
    look()
    assert look(NOW + 2 * MINUTE).customers == 0
    grant(wallet_id=wallet.pk, grants=[Grant("purchased", Decimal(5), "pack")], at=NOW)
    cap(acme, 100, at=NOW)
    assert look(NOW + 3 * MINUTE).customers == 2


@pytest.mark.django_db(transaction=True)
def test_sweepers_at_the_same_time_tell_once():
    for number in range(20):
        messages(10, ref=f"c{number}")
        use("message", 6, customer=f"c{number}")
    swept = together(*[lambda: look(NOW + MINUTE)] * 4)
    assert sum(one.fired for one in swept) == Alert.objects.count() == 20
    assert not PendingEvaluation.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_change_while_its_customer_is_looked_after_is_looked_at_again(monkeypatch):
    messages(10)
    use("message", 5)
    queue_changed_customers(EVENTS, at=NOW)
    pause = Pause.before(monkeypatch, evaluation, "update_alerts")
    slow = start(lambda: look(NOW + MINUTE))  # has read five of ten
    pause.await_arrival()
    use("message", 5, at=NOW + timedelta(seconds=1))
    other = start(lambda: look(NOW + 2 * MINUTE))  # waits for the customer
    pause.let_go()
    slow.result(), other.result()
    look(NOW + 3 * MINUTE)
    assert alerts() == [("allowance", level, "open") for level in (50, 75, 90, 100)]
