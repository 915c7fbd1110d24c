"""Two concurrent dismissals dismiss a report once, and a dismissal waits for a reprocess."""

import pytest
from django.contrib.auth.models import User

from billing.metering.dismissal import dismiss
from billing.metering.ingest.reprocess import reprocess
from billing.metering.store import unmatched_usage
from billing.models import Dismissal, UnmatchedUsage
from tests.billing.metering.ingest.ingest_setup import call, make_metered_subscription, send
from tests.billing.metering.ingest.request_parser import NOW
from tests.races import Pause, start, wait_until_blocked

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def dismissal():
    """Return a function that dismisses the only report."""
    send(call("a"))
    olga, report = User.objects.create(username="olga"), UnmatchedUsage.objects.get()
    return lambda: dismiss(report_ids=[report.pk], reason="load test", at=NOW, by=olga)


def test_the_second_of_two_dismissals_waits_and_changes_nothing(monkeypatch, dismissal):
    pause = Pause.before(monkeypatch, Dismissal.objects, "bulk_create")
    first = start(dismissal)
    pause.await_arrival()
    second = start(dismissal)
    wait_until_blocked()
    pause.release()
    assert [first.result(), second.result()] == [1, 0]


def test_a_reprocess_in_progress_resolves_the_report_first(monkeypatch, dismissal):
    make_metered_subscription("acme")
    pause = Pause.before(monkeypatch, unmatched_usage, "resolve")
    again = start(lambda: reprocess(at=NOW))
    pause.await_arrival()
    late = start(dismissal)
    wait_until_blocked()
    pause.release()
    assert (again.result().resolved, late.result()) == (1, 0)
