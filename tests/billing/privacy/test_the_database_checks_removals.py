"""The database refuses removals of events that are too young, repeated or changed."""

from datetime import UTC, datetime

import pytest

from billing.models import EventRemoval
from tests.db_refusals import refused_by

pytestmark = pytest.mark.django_db

_REMOVE = """
INSERT INTO billing_eventremoval (customer_id, until, removed_at, events)
SELECT customer_id, {until}, removed_at, 0 FROM billing_eventremoval
"""

CASES = [
    ("events_are_kept_while_repeats_may_arrive", _REMOVE.format(until="removed_at - interval '395 days'")),
    ("events_are_removed_after_they_are_billed", _REMOVE.format(until="until")),
    (
        "events_before_a_time_are_removed_once",
        "SET LOCAL ROLE NONE; SET LOCAL session_replication_role = replica;" + _REMOVE.format(until="until"),
    ),
    ("removed_events_are_finite", "UPDATE billing_eventremoval SET events = 1000000000000000001"),
    ("event_removal_only_progresses", "UPDATE billing_eventremoval SET events = -1"),
    ("event_removal_only_progresses", "UPDATE billing_eventremoval SET until = until - interval '1 day'"),
    ("event_removal_only_progresses", "DELETE FROM billing_eventremoval"),
]


@pytest.mark.parametrize(("name", "statement"), CASES)
def test_a_violated_constraint_is_rejected(name: str, statement: str):
    EventRemoval.objects.create(
        customer=None, until=datetime(2024, 1, 1, tzinfo=UTC), removed_at=datetime(2026, 5, 1, tzinfo=UTC)
    )
    assert refused_by(statement) == name
