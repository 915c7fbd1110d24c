"""A quota is never exceeded in any window of its length, and room returns as documented."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plans.pricing.usage_limits import UsageLimitTerms, quota_state, window_length
from tests.docs_tables import rows
from tests.pricing.recent_uses import DAY, in_buckets, parse_time, parse_uses
from tests.pricing.strategies import LAW

D = Decimal
FIVE_HOURS = timedelta(hours=5)
SECONDS = st.integers(0, 2 * 3600)


@pytest.mark.parametrize("row", rows("limits.md", "Quotas"), ids=lambda row: " ".join(row.values()))
def test_a_quota_is_counted_as_documented(row):
    terms = UsageLimitTerms("quota", "units", D(45), FIVE_HOURS, row["window"] == "sliding")
    at = parse_time(row["now"])
    state = quota_state(terms, in_buckets(parse_uses(row["uses"]), terms), quantity=D(row["asked"]), at=at)
    assert ("refused" if state.refuses else "allowed", state.used) == (row["answer"], D(row["used"]))
    returns_at = parse_time(row["room returns"]) if row["room returns"] else None
    assert state.resets_at == (returns_at if state.used else None)


@LAW
@given(st.lists(st.tuples(SECONDS, st.integers(1, 5)), min_size=1, max_size=30), st.booleans())
def test_admitted_uses_never_exceed_the_quota_in_any_window(requests, is_sliding):
    terms = UsageLimitTerms("quota", "units", D(7), timedelta(hours=1), is_sliding)
    admitted = []
    for second, number in sorted(requests):
        at = DAY + timedelta(seconds=second)
        if not quota_state(terms, in_buckets(admitted, terms), quantity=D(number), at=at).refuses:
            admitted.append((at, D(number)))
    if is_sliding:
        for end, _ in admitted:
            assert sum(number for at, number in admitted if end - terms.window < at <= end) <= 7
    else:
        assert all(window.uses <= 7 for window in in_buckets(admitted, terms).windows)


@LAW
@given(st.lists(st.tuples(SECONDS, st.integers(1, 5)), min_size=1, max_size=30))
def test_requests_decided_out_of_the_order_of_their_times_never_exceed_a_sliding_quota_together(requests):
    terms = UsageLimitTerms("quota", "units", D(7), timedelta(hours=1))
    admitted = []
    for second, number in requests:
        at = DAY + timedelta(seconds=second)
        if not quota_state(terms, in_buckets(admitted, terms), quantity=D(number), at=at).refuses:
            admitted.append((at, D(number)))
    for end, _ in admitted:
        assert sum(number for at, number in admitted if end - terms.window < at <= end) <= 7


def test_a_request_that_waited_for_its_turn_counts_the_uses_after_its_own_time():
    terms = UsageLimitTerms("quota", "units", D(3), timedelta(minutes=1))
    counted = in_buckets([(DAY + timedelta(seconds=12), D(3))], terms)
    state = quota_state(terms, counted, quantity=D(1), at=DAY + timedelta(seconds=10))
    assert (state.used, state.refuses, state.retry_after) == (3, True, 63)


@LAW
@given(st.lists(st.tuples(SECONDS, st.integers(1, 5)), min_size=1, max_size=30), st.integers(1, 7), st.booleans())
def test_a_refused_request_is_let_through_after_its_wait(uses, asked, is_sliding):
    terms = UsageLimitTerms("quota", "units", D(7), timedelta(hours=1), is_sliding)
    at = DAY + timedelta(hours=2)
    counted = in_buckets([(DAY + timedelta(seconds=second), D(number)) for second, number in uses], terms)
    state = quota_state(terms, counted, quantity=D(asked), at=at)
    if state.refuses:
        later = at + timedelta(seconds=state.retry_after)
        assert not quota_state(terms, counted, quantity=D(asked), at=later).refuses


def test_a_request_above_the_whole_quota_is_refused_without_a_wait():
    terms = UsageLimitTerms("quota", "units", D(7), timedelta(hours=1))
    state = quota_state(terms, in_buckets([], terms), quantity=D(8), at=DAY)
    assert (state.refuses, state.retry_after) == (True, None)


@pytest.mark.parametrize(
    ("after", "slow_to", "refuses", "retry_after"),
    [("refuse", None, True, 2_700), ("slow", D(2), False, 0), ("overage", None, False, None)],
)
def test_usage_beyond_a_quota_is_refused_slowed_or_let_through(after, slow_to, refuses, retry_after):
    terms = UsageLimitTerms("quota", "units", D(3), timedelta(hours=1), after=after, slow_to=slow_to)
    at = DAY + timedelta(minutes=16)
    state = quota_state(terms, in_buckets([(DAY, D(3))], terms), quantity=D(1), at=at)
    assert (state.refuses, state.retry_after) == (refuses, retry_after)


def test_a_slowed_quota_counts_the_uses_beyond_it():
    terms = UsageLimitTerms("quota", "units", D(3), timedelta(hours=1), after="slow", slow_to=D(2))
    at = DAY + timedelta(seconds=30)
    one_beyond = in_buckets([(DAY, D(3)), (DAY + timedelta(seconds=10), D(1))], terms)
    two_beyond = in_buckets([(DAY, D(3)), (DAY + timedelta(seconds=10), D(2))], terms)
    assert quota_state(terms, one_beyond, quantity=D(1), at=at).retry_after == 0
    assert quota_state(terms, two_beyond, quantity=D(1), at=at).retry_after == 41


@pytest.mark.parametrize(
    ("unit", "count", "length"),
    [
        ("minute", 1, timedelta(minutes=1)),
        ("hour", 5, FIVE_HOURS),
        ("day", 1, timedelta(days=1)),
        ("week", 2, timedelta(days=14)),
    ],
)
def test_a_window_has_sixty_buckets_of_whole_seconds(unit, count, length):
    window = window_length(unit, count)
    (width,) = UsageLimitTerms("quota", "units", D(1), window).bucket_widths
    assert (window, width * 60, width % timedelta(seconds=1)) == (length, length, timedelta(0))
