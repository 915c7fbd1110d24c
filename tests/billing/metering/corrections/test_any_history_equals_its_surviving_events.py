"""
After any sequence of events, voids and replacements, the stored usage equals that of the surviving events alone.
"""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from billing.metering.ingest import customer_cache
from billing.metering.store import counter_store
from tests.billing.metering.corrections.correction_setup import (
    correct_all,
    correction_request,
    make_fully_metered_subscription,
    sample,
    stored_usage,
)
from tests.billing.metering.ingest.ingest_setup import send
from tests.builders import JAN
from tests.clean_books import assert_clean

pytestmark = pytest.mark.django_db

values = st.one_of(
    st.integers(-20, 20),
    st.decimals(-1000, 1000, places=9, allow_nan=False).map(lambda value: f"{value:f}"),
)


@st.composite
def samples(draw, number):
    """Return an event of January to March, often at the same time or in the same hour as another one."""
    at = JAN + timedelta(days=draw(st.integers(0, 67)), minutes=draw(st.sampled_from([0, 1, 90])))
    return sample(
        f"e{number}",
        at.isoformat(),
        draw(values),
        user=draw(st.sampled_from(["ann", "bob"])),
        op=draw(st.sampled_from(["add", "remove"])),
        model=draw(st.sampled_from(["big", "small", ""])),
    )


@st.composite
def histories(draw):
    """
    Return steps and the events that survive them.

    A step is a batch of events, or a batch of corrections: (id, its replacement or None).
    """
    steps, alive, number = [], {}, 0
    for _ in range(draw(st.integers(1, 5))):
        new = []
        for _ in range(draw(st.integers(1, 3))):
            new.append(draw(samples(number)))
            number += 1
        steps.append(("send", new))
        alive |= {event["id"]: event for event in new}
        corrections = []
        for id_ in draw(st.lists(st.sampled_from(sorted(alive)), unique=True, max_size=3)):
            replacement = draw(st.none() | samples(number))
            number += 1
            corrections.append((id_, replacement))
            del alive[id_]
            if replacement:
                alive[replacement["id"]] = replacement
        if corrections:
            steps.append(("correct", corrections))
    return steps, list(alive.values())


@pytest.fixture
def metered_subscription(db):
    make_fully_metered_subscription()


@settings(
    max_examples=40, deadline=None, phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck)
)
@given(histories(), st.booleans())
def test_stored_usage_equals_that_of_the_surviving_events(metered_subscription, history, audited):
    steps, survivors = history
    with transaction.atomic():
        for kind, batch in steps:
            if kind == "send":
                assert set(send(*batch)) == {"accepted"}
            else:
                outcomes = correct_all(*(correction_request(id_, replacement) for id_, replacement in batch))
                assert {outcome.status for outcome in outcomes} == {"accepted"}
        corrected = stored_usage()
        if audited:
            assert_clean("subscriptions", "usage", "invoices")
        transaction.set_rollback(True)
    clear_caches()
    with transaction.atomic():
        if survivors:
            send(*survivors)
        assert corrected == stored_usage()
        transaction.set_rollback(True)
    clear_caches()


def clear_caches():
    customer_cache.clear()
    counter_store.clear_id_cache()


def test_a_repeat_of_a_voided_event_does_not_count(metered_subscription):
    event = sample("e", JAN.isoformat(), Decimal(3).__str__())
    send(event)
    correct_all(correction_request("e"))
    nothing = stored_usage()
    assert send(event) == ["duplicate"]
    assert stored_usage() == nothing
    assert nothing["tallies"] == []
