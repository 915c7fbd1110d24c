"""The sums equal those of the distinct events, however events are ordered, batched and repeated."""

from collections import defaultdict
from datetime import timedelta
from decimal import Context, Decimal
from itertools import pairwise

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.metering.ingest import customer_cache
from billing.models import Counter, Event, Rollup
from tests.billing.metering.ingest.ingest_setup import counted, make_metered_subscription, request, send
from tests.billing.metering.ingest.request_parser import NOW

EXACT = Context(prec=100)

amounts = st.one_of(
    st.integers(-(10**38) + 1, 10**38 - 1),
    st.decimals(-1000, 1000, places=12, allow_nan=False).map(lambda value: f"{value:f}"),
)
occurrences = st.tuples(
    st.sampled_from(["gpt", "claude", ""]),
    amounts,
    amounts,
    st.integers(0, 60 * 24 * 60),
)


@st.composite
def deliveries(draw):
    """Return distinct events, and batches that carry each of them at least once, in any order."""
    events = [
        {
            **request(f"r{number}", prompt, completion, model=model),
            "timestamp": (NOW - timedelta(minutes=minutes)).isoformat(),
        }
        for number, (model, prompt, completion, minutes) in enumerate(
            draw(st.lists(occurrences, min_size=1, max_size=8))
        )
    ]
    repeats = draw(st.lists(st.sampled_from(events), max_size=8))
    order = draw(st.permutations([*events, *repeats]))
    cuts = sorted(draw(st.sets(st.integers(0, len(order)), max_size=4)) | {0, len(order)})
    return events, [order[start:end] for start, end in pairwise(cuts)]


@pytest.fixture
def metered_subscription(db):
    make_metered_subscription()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deliveries())
def test_sums_are_those_of_the_distinct_events(metered_subscription, delivered):
    events, batches = delivered
    with transaction.atomic():
        outcomes = [outcome for batch in batches if batch for outcome in send(*batch)]

        assert outcomes.count("accepted") == len(events)
        assert outcomes.count("duplicate") == len(outcomes) - len(events)
        assert counted() == expected(events)
        assert Event.objects.count() == len(events)
        assert exact_sum(Rollup) == exact_sum(Counter)
        transaction.set_rollback(True)
    customer_cache.clear()


def exact_sum(model):
    total = Decimal(0)
    for counter in model.objects.all():
        total = EXACT.add(total, counter.quantity)
    return total


def expected(events):
    """Sum the events independently: by rate and month of the customer, whose time zone is UTC."""
    totals = defaultdict(lambda: [0, Decimal(0)])
    for event in events:
        sent = event["properties"]
        month = event["timestamp"][5:7]
        for name in ("prompt_tokens", "completion_tokens"):
            label = "all others"
            if sent["model"] == "gpt":
                label = "gpt output" if name == "completion_tokens" else "gpt"
            total = totals[f"tokens/{label}/{month}"]
            total[0] += 1
            total[1] = EXACT.add(total[1], Decimal(sent[name]))
    return {key: tuple(total) for key, total in totals.items()}
