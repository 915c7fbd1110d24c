"""Closing takes queries per chunk, not per subscription."""

from datetime import UTC, datetime

import pytest

from billing.closing import close_due
from tests.builders import fee, make_customer, make_plan, offer, publish, rate, subscribe, use
from tests.statements import sent_statements

pytestmark = pytest.mark.django_db


def statement_count(at: datetime) -> int:
    """Return how many statements a run sends."""
    with sent_statements() as statements:
        done = close_due(at=at)
    assert done.failed == []
    return len(statements)


def test_whatever_its_size():
    fees = [fee("20", billed="arrears"), fee("5", label="Support")]
    offers = [offer("api.calls", rates=[rate("0.05")]), offer("tokens", rates=[rate("1")])]
    version = publish(make_plan(fees=fees, offers=offers))
    counts = []
    for month, size in enumerate([1, 2, 40], start=1):
        # The first round also fills the caches of the process: terms, wording, the number series.
        start, end = datetime(2026, month, 1, tzinfo=UTC), datetime(2026, month + 1, 1, 1, tzinfo=UTC)
        for _ in range(size):
            subscription = subscribe(make_customer(), version, starts_at=start, ends_at=end)
            use(subscription, "api.calls", 100)
            use(subscription, "tokens", 100)
        close_due(at=start)
        counts.append(statement_count(datetime(2026, month + 1, 1, 2, tzinfo=UTC)))
    assert counts[1] == counts[2] <= 59, counts
