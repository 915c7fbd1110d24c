"""A throttle answers how long to wait until one of the uses beyond the allowance is a minute old."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plans.pricing.usage_limits import UsageLimitTerms, UsesBeyond, throttle_state, throttle_wait
from tests.docs_tables import rows
from tests.pricing.recent_uses import DAY, in_buckets, parse_time, parse_uses
from tests.pricing.strategies import LAW

D = Decimal
NOW = parse_time("12:00:30")
THROTTLE = UsageLimitTerms("throttle", "units", D(10))
INCLUDED = D(500)


@pytest.mark.parametrize("row", rows("limits.md", "Throttles"), ids=lambda row: " ".join(row.values()))
def test_a_throttle_waits_as_documented(row):
    uses = parse_uses(row["recent uses"])
    used = D(row["used before 11:59"]) + sum(number for _, number in uses)
    asked = D(row["asked"])
    before, after = max(used - INCLUDED, D(0)), used + asked - INCLUDED
    beyond = None if after < 0 or (asked and not after) else UsesBeyond(before, after - before)
    state = throttle_state(THROTTLE, in_buckets(uses, THROTTLE), beyond, at=NOW)
    assert state.retry_after == (int(row["retry after"]) if row["retry after"] else None)
    assert not state.refuses


@LAW
@given(
    st.lists(st.tuples(st.integers(0, 120), st.integers(1, 4)), max_size=30),
    st.integers(0, 12),
    st.integers(1, 8),
    st.one_of(st.none(), st.integers(0, 40)),
)
def test_a_wait_is_neither_too_short_nor_a_second_too_long(uses, asked, per_minute, beyond):
    seconds = in_buckets([(NOW - timedelta(seconds=ago), D(number)) for ago, number in uses], THROTTLE).buckets
    terms = {"beyond": None if beyond is None else D(beyond), "quantity": D(asked), "per_minute": D(per_minute)}
    wait = throttle_wait(seconds, at=NOW, **terms)
    assert throttle_wait(seconds, at=NOW + timedelta(seconds=wait), **terms) == 0
    if wait > 1:
        assert throttle_wait(seconds, at=NOW + timedelta(seconds=wait - 1), **terms) > 0


@LAW
@given(st.lists(st.integers(0, 300), min_size=1, max_size=60), st.integers(1, 5))
def test_requests_that_wait_never_exceed_the_rate_of_any_minute(arrivals, per_minute):
    admitted = []
    for second in sorted(arrivals):
        at = DAY + timedelta(seconds=second)
        if not throttle_wait(
            in_buckets(admitted, THROTTLE).buckets, beyond=None, quantity=D(1), per_minute=D(per_minute), at=at
        ):
            admitted.append((at, D(1)))
    for end, _ in admitted:
        assert sum(1 for at, _ in admitted if end - timedelta(minutes=1) < at <= end) <= per_minute
