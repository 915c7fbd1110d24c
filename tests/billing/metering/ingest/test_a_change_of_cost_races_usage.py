"""A change of a unit cost waits for usage in progress, and considers it afterwards."""

import pytest

from billing.metering.ingest import event_recorder
from plans.costs.unit_costs import CostRefused
from tests.billing.metering.ingest.ingest_setup import send
from tests.billing.metering.ingest.test_usage_is_charged_at_its_unit_cost import (
    counted_costs,
    subscribe_acme,
    tokens,
    used,
)
from tests.builders import MAR, make_cost
from tests.clean_books import clean_after_test
from tests.races import Pause, start, wait_until_blocked

clean_books = clean_after_test("usage", "catalog")

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("clean_books")]


def test_usage_in_progress_keeps_its_cost(monkeypatch):
    make_cost(tokens(), 1)
    subscribe_acme()
    pause = Pause.before(monkeypatch, event_recorder.event_store, "append")
    ingest = start(lambda: send(used("1", 5)))
    pause.await_arrival()

    change = start(lambda: make_cost(tokens(), 2, since=MAR))
    wait_until_blocked()
    pause.release()

    assert ingest.result() == ["accepted"]
    with pytest.raises(CostRefused, match="was charged at the present costs"):
        change.result()
    assert counted_costs() == [5]


def test_a_cost_changed_before_the_lock_applies(monkeypatch):
    make_cost(tokens(), 1)
    subscribe_acme()
    pause = Pause.before(monkeypatch, event_recorder, "_store")
    ingest = start(lambda: send(used("1", 5)))
    pause.await_arrival()
    make_cost(tokens(), 2, since=MAR)
    pause.release()

    assert ingest.result() == ["accepted"]
    assert counted_costs() == [10]
