"""
Each key has a quota, stated in headers; a request beyond it gets 429 with a retry time, and other keys are
unaffected.
"""

import pytest

from lib.api import throttles
from lib.api.throttles import ApiKeyThrottle, Buckets, read_rate
from tests.api.calls import Caller, problem


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def three_a_minute(clock, monkeypatch):
    monkeypatch.setattr(ApiKeyThrottle, "buckets", Buckets(quota=3, seconds=60, clock=clock))


def test_a_key_beyond_its_quota_gets_a_retry_time(live, three_a_minute, clock):
    remaining = [live.get("/customers")["RateLimit"] for _ in range(3)]
    refused = live.get("/customers")

    assert remaining == ['"key";r=2;t=20', '"key";r=1;t=40', '"key";r=0;t=60']
    problem(refused, 429, "too-many-requests")
    assert refused["Retry-After"] == "20"
    assert refused["RateLimit"] == '"key";r=0;t=60'
    assert refused["RateLimit-Policy"] == '"key";q=3;w=60'
    clock.now += 20
    assert live.get("/customers").status_code == 200


def test_a_throttled_key_does_not_affect_another(live, sandbox, three_a_minute):
    for _ in range(5):
        live.get("/customers")

    assert sandbox.get("/customers").status_code == 200


def test_rejected_requests_count_toward_the_quota(live, three_a_minute):
    for _ in range(3):
        live.get("/customers", limit="none")

    problem(live.get("/customers"), 429, "too-many-requests")


@pytest.mark.django_db
def test_the_quota_costs_no_query(django_assert_num_queries):
    caller = Caller()
    with django_assert_num_queries(1):
        assert caller.get("/customers", limit="none")["RateLimit-Policy"]


def test_an_idle_key_does_not_exceed_its_quota(clock):
    buckets = Buckets(quota=3, seconds=60, clock=clock)
    clock.now += 3600

    assert [buckets.take(1) for _ in range(4)] == [2, 1, 0, -1]


def test_the_default_quota_is_far_above_the_capacity_of_a_process():
    assert throttles.read_rate("120000/60s") == (120_000, 60)


@pytest.mark.parametrize("text", ["", "600", "600/m", "0/60s", "600/0s", "-1/60s", "1.5/60s", "٦/60s"])
def test_an_invalid_rate_names_the_expected_format(text):
    with pytest.raises(ValueError, match="600/60s"):
        read_rate(text)
