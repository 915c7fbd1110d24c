"""Usage of a closed period is counted like any other, and marks the period with the time of its first late usage."""

from datetime import timedelta

import pytest

from billing.models import Period
from tests.billing.metering.ingest.ingest_setup import call, counted, make_metered_subscription, send
from tests.billing.metering.ingest.request_parser import NOW
from tests.builders import FEB

pytestmark = pytest.mark.django_db


@pytest.fixture
def january():
    """Return the closed January of a customer without usage in it."""
    period = make_metered_subscription().periods.get(kind="regular")
    Period.objects.filter(pk=period.pk).update(state="closed", closed_at=FEB)
    return period


def test_usage_of_a_closed_period_is_counted_and_marked(january):
    send(call("c1", timestamp="2026-01-05T00:00:00Z"))

    january.refresh_from_db()
    assert counted() == {"calls/call/01": (1, 1)}
    assert january.late_since == NOW
    assert january.state == "closed"


def test_the_mark_is_the_time_of_the_first_late_usage(january):
    send(call("c1", timestamp="2026-01-05T00:00:00Z"))
    send(call("c2", timestamp="2026-01-05T00:00:00Z"), at=NOW + timedelta(days=1))

    january.refresh_from_db()
    assert january.late_since == NOW


def test_a_repeat_is_no_late_usage(january):
    Period.objects.filter(pk=january.pk).update(state="open", closed_at=None)
    send(call("c1", timestamp="2026-01-05T00:00:00Z"))
    Period.objects.filter(pk=january.pk).update(state="closed", closed_at=FEB)

    assert send(call("c1", timestamp="2026-01-05T00:00:00Z")) == ["duplicate"]

    january.refresh_from_db()
    assert january.late_since is None


def test_usage_of_an_open_period_is_not_late(january):
    send(call("c1"))

    assert not Period.objects.exclude(late_since=None).exists()
