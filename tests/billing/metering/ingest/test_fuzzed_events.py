"""
A valid event that contains arbitrary JSON never makes the server fail.

Random bodies are rejected early and prove little, so the outer event is valid, and the test requires that enough of
them are accepted.
"""

import json
from collections import Counter
from datetime import datetime, timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.calls import Caller
from tests.billing.metering.ingest.ingest_setup import make_metered_subscription
from tests.builders import JAN

hostile_text = st.one_of(
    st.text(max_size=30),
    st.sampled_from(["\0", "\ud800", "\udfff\ud800", "a" * 5000, "\\u0000", "NaN", "1e5", "١٢", "%s", "'", "\u202e"]),
)
hostile_numbers = st.one_of(
    st.integers(),
    st.integers(-(10**60), 10**60),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([10**4200, -(10**38), 10**38 - 1, 5e-324, 1.7e308, -0.0]),
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), hostile_numbers, hostile_text),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(hostile_text, inner, max_size=4)),
    max_leaves=12,
)
properties = st.one_of(
    st.dictionaries(hostile_text, values, max_size=5),
    st.fixed_dictionaries({"status": st.just("ok"), "prompt_tokens": values, "completion_tokens": hostile_numbers}),
    st.dictionaries(
        st.text("abc", max_size=3), st.integers(-(10**30), 10**30) | st.text("xyz", max_size=9), max_size=5
    ),
)
times = st.one_of(
    st.none(),
    st.integers(0, 10**6).map(lambda seconds: (JAN + timedelta(seconds=seconds)).isoformat()),
    st.datetimes().map(datetime.isoformat),
    hostile_text,
)
events = st.fixed_dictionaries(
    {
        "id": st.text("0123456789", min_size=1, max_size=6) | hostile_text,
        "customer": st.sampled_from(["acme", "nobody"]),
        "event": st.sampled_from(["api.call", "llm.request", "other"]),
        "properties": properties,
    },
    optional={"timestamp": times, "subscription": st.sampled_from(["", "team-a"])},
)

EXAMPLES = 400


@pytest.mark.django_db
def test_arbitrary_json_in_valid_events_is_answered_and_enough_are_accepted():
    make_metered_subscription()
    api = Caller(scopes=["ingest"])
    statuses: Counter[int] = Counter()
    per_event: Counter[str] = Counter()

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.lists(events, min_size=1, max_size=3), st.booleans())
    def fuzz(batch, single):
        body = json.dumps(batch[0] if single else batch).encode()
        with transaction.atomic():
            response = api.post("/events", body)
            transaction.set_rollback(True)
        assert response.status_code < 500, response.content
        statuses[response.status_code] += 1
        for event_result in response.json().get("results", []):
            per_event[event_result["status"]] += 1

    fuzz()

    answered = sum(statuses.values())
    assert answered >= EXAMPLES
    accepted = sum(count for status, count in statuses.items() if status < 300)
    assert accepted / answered >= 0.3, statuses
    assert per_event["accepted"] >= 0.3 * answered, per_event
