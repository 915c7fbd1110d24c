"""Every line is the same however events are ordered, batched and repeated, for each aggregation."""

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from billing.closing import preview
from billing.metering.ingest import customer_cache
from billing.metering.store import counter_store
from billing.models import Subscription
from tests.billing.metering.corrections.correction_setup import make_fully_metered_subscription, sample
from tests.billing.metering.ingest.ingest_setup import send
from tests.billing.metering.ingest.request_parser import NOW
from tests.builders import JAN

pytestmark = pytest.mark.django_db

happened = st.builds(
    lambda days, minutes, value, user, op, model: (
        (JAN + timedelta(days=days, minutes=minutes)).isoformat(),
        value,
        {"user": user, "op": op, "model": model},
    ),
    st.integers(0, 58),
    st.sampled_from([0, 1, 90]),
    st.integers(-20, 40),
    st.sampled_from(["ann", "bob"]),
    st.sampled_from(["add", "remove"]),
    st.sampled_from(["big", "small"]),
)


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[list[dict[str, Any]]]]:
    """Return events of two months, and batches that carry each of them at least once, in any order."""
    samples = draw(st.lists(happened, min_size=1, max_size=8))
    events = [sample(f"e{number}", at, value, **more) for number, (at, value, more) in enumerate(samples)]
    order = draw(st.permutations([*events, *draw(st.lists(st.sampled_from(events), max_size=4))]))
    cuts = sorted(draw(st.sets(st.integers(0, len(order)), max_size=3)) | {0, len(order)})
    return events, [order[start:end] for start, end in pairwise(cuts)]


@pytest.fixture
def metered(db) -> Subscription:
    return make_fully_metered_subscription()


LATER = sample("later", "2026-01-20T00:00:00+00:00", 7, user="ann", op="add", model="big")
EARLIER = sample("earlier", "2026-01-10T00:00:00+00:00", 3, user="ann", op="add", model="big")


@settings(
    max_examples=20,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(deliveries())
@example(([EARLIER, LATER], [[LATER], [EARLIER]])).via("the latest value arrives first")
def test_lines_are_those_of_the_events_sent_once_in_order(metered, delivered):
    events, batches = delivered
    assert lines_after(metered, batches) == lines_after(metered, [events])


def lines_after(subscription: Subscription, batches: list[list[dict[str, Any]]]) -> list[Any]:
    """Return the lines of each month after these batches."""
    with transaction.atomic():
        for batch in batches:
            send(*batch)
        periods = subscription.periods.filter(kind="regular").order_by("starts_at")
        lines_by_period = [preview(at=NOW, period=period).lines for period in periods]
        transaction.set_rollback(True)
    customer_cache.clear()
    counter_store.clear_id_cache()
    assert any(line.amount for lines in lines_by_period for line in lines)
    return lines_by_period
