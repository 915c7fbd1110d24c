"""A batch is one transaction: a failure within it stores nothing, and the batch can be sent again."""

import pytest

from billing.metering.store import counter_store, unmatched_usage
from billing.models import Event
from tests.billing.metering.ingest.ingest_setup import call, counted, make_metered_subscription, rolled_up, send
from tests.clean_books import clean_after_test

clean_books = clean_after_test("usage")

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("clean_books")]

PLACES = [
    # module, function that fails, why
    (counter_store, "add_to_counters", "events are stored, and counters are not there to be added to"),
    (counter_store, "mark_late", "counters are added to, and the period cannot be marked"),
    (unmatched_usage, "report", "all events are counted, and unpriced ones can't be reported"),
]


class Broken(Exception):
    pass


@pytest.mark.parametrize(("module", "name", "why"), PLACES)
def test_a_failure_in_the_middle_stores_nothing(monkeypatch, module, name, why):
    january = make_metered_subscription().periods.get(kind="regular")
    january.state, january.closed_at = "closed", january.ends_at
    january.save()
    events = [call("c1", timestamp="2026-01-05T00:00:00Z"), call("c2", customer="nobody")]

    def fail(*args, **kwargs):
        raise Broken

    with monkeypatch.context() as patch:
        patch.setattr(module, name, fail)
        with pytest.raises(Broken):
            send(*events)

    assert Event.objects.count() == 0, why
    assert counted() == rolled_up() == {}

    assert send(*events) == ["accepted", "accepted"]
    assert counted() == {"calls/call/01": (1, 1)}
