"""Usage creates its period where none exists yet, for example after the scheduler was down for weeks."""

from datetime import UTC, datetime, timedelta

import pytest

from billing.models import Period
from tests.billing.metering.ingest.ingest_setup import call, counted, make_metered_subscription, send, unmatched
from tests.billing.metering.ingest.request_parser import NOW

pytestmark = pytest.mark.django_db

EDGE = datetime(2026, 3, 1, tzinfo=UTC)

MOMENTS = [
    # when it happened           month  why
    (EDGE - timedelta(microseconds=1), "02", "the last instant of February"),
    (EDGE, "03", "the first instant of March belongs to March"),
    (NOW, "03", "well inside a period that nobody has made"),
]


@pytest.mark.parametrize(("moment", "month", "why"), MOMENTS)
def test_usage_creates_the_period_that_contains_it(moment, month, why):
    subscription = make_metered_subscription()
    assert not Period.objects.filter(
        subscription=subscription, starts_at__gte=datetime(2026, 2, 1, tzinfo=UTC)
    ).exists()

    assert send(call("c1", timestamp=moment.isoformat())) == ["accepted"]

    assert counted() == {f"calls/call/{month}": (1, 1)}, why
    assert unmatched() == []
