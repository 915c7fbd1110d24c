"""
Each key has a quota, stated in headers; a request beyond it gets 429 with a retry time, and other keys are
unaffected.
"""

import pytest
from django.core.exceptions import ImproperlyConfigured

from access.rate_limits import buckets
from access.rate_limits.buckets import clear_limits, rate_limit
from tests.api.calls import Caller, problem
from tests.rate_limits import let_time_pass


@pytest.fixture
def three_a_minute(settings):
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"key": "3/60s"}
    clear_limits()


def test_a_key_beyond_its_quota_gets_a_retry_time(live, three_a_minute):
    remaining = [live.get("/customers")["RateLimit"] for _ in range(3)]
    refused = live.get("/customers")

    assert remaining == ['"key";r=2;t=20', '"key";r=1;t=40', '"key";r=0;t=60']
    problem(refused, 429, "too-many-requests")
    assert refused["Retry-After"] == "20"
    assert refused["RateLimit"] == '"key";r=0;t=60'
    assert refused["RateLimit-Policy"] == '"key";q=3;w=60'
    let_time_pass(20)
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
def test_the_quota_costs_a_query_for_each_tenth(settings, django_assert_num_queries):
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"key": "100/60s"}
    clear_limits()
    caller = Caller()
    authentications, leases = 20, 2
    caller.get("/customers", limit="none")  # stores that the key is in use
    rate_limit("key")._leases.clear()
    with django_assert_num_queries(authentications + leases):
        for _ in range(20):
            assert caller.get("/customers", limit="none")["RateLimit-Policy"]


@pytest.mark.django_db
def test_an_idle_key_does_not_exceed_its_quota(three_a_minute):
    rate_limit("key").take("1")
    let_time_pass(3600)

    assert [int(rate_limit("key").take("1")) for _ in range(4)] == [2, 1, 0, -1]


@pytest.mark.django_db
def test_the_leases_in_memory_have_a_bound(three_a_minute, monkeypatch):
    monkeypatch.setattr(buckets, "MAX_LEASES", 3)
    for caller in "abcdefghij":
        assert rate_limit("key").take(caller) == 2
        assert len(rate_limit("key")._leases) <= 3


def test_the_default_quota_is_far_above_the_capacity_of_a_process():
    assert (rate_limit("key").quota, rate_limit("key").seconds) == (120_000, 60)


@pytest.mark.parametrize("text", ["", "600", "600/m", "0/60s", "600/0s", "-1/60s", "1.5/60s", "٦/60s"])
def test_an_invalid_rate_names_the_expected_format(settings, text):
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"key": text}
    clear_limits()

    with pytest.raises(ImproperlyConfigured, match="600/60s"):
        rate_limit("key")
