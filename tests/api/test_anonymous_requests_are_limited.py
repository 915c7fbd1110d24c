"""Requests without a valid key are limited by IP address; a key in use is accepted regardless of them."""

import pytest
from django.test import Client

from customers.api_keys import anonymous_throttle
from customers.api_keys.keys import revoke
from lib.api.throttles import Buckets
from tests.api.calls import NOW, Caller, problem

WRONG = "tb_live_abcdefgh_" + "x" * 43


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(anonymous_throttle, "_buckets", Buckets(quota=3, seconds=60, clock=clock))
    monkeypatch.setattr(anonymous_throttle, "_known", {})
    return clock


def send_request(secret=WRONG, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    headers |= {"Authorization": f"Bearer {secret}"} if secret else {}
    return Client().get("/api/v1/customers", headers=headers)


@pytest.mark.django_db
@pytest.mark.parametrize("secret", [WRONG, "nonsense", ""])
def test_guessing_is_throttled_for_a_while(clock, secret, django_assert_num_queries):
    for _ in range(3):
        problem(send_request(secret), 401, "not-authenticated")

    with django_assert_num_queries(0):
        refused = send_request(secret)
    problem(refused, 429, "too-many-requests")
    assert refused["Retry-After"] == "20"
    assert refused["RateLimit-Policy"] == '"address";q=3;w=60'
    clock.now += 20
    problem(send_request(secret), 401, "not-authenticated")


def test_a_key_in_use_is_accepted_from_a_throttled_address(clock, live):
    assert live.get("/customers").status_code == 200
    for _ in range(5):
        send_request()
    newcomer = Caller()

    assert live.get("/customers").status_code == 200
    problem(newcomer.get("/customers"), 429, "too-many-requests")
    clock.now += 20
    assert newcomer.get("/customers").status_code == 200


def test_a_revoked_key_is_throttled_like_no_key(clock, live):
    live.get("/customers")
    revoke(key=live.key, at=NOW)

    statuses = [live.get("/customers").status_code for _ in range(4)]

    assert statuses == [401, 401, 401, 429]


ADDRESSES = [
    # address sent by the proxy               same as the first
    ("203.0.113.9", True),
    ("198.51.100.1, 203.0.113.9", True),
    ("203.0.113.10", False),
    ("203.0.113.9, 198.51.100.1", False),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("forwarded_for", "is_same"), ADDRESSES)
def test_behind_a_proxy_the_address_is_the_one_that_the_proxy_saw(clock, settings, forwarded_for, is_same):
    settings.BEHIND_PROXY = True
    for _ in range(3):
        send_request(X_Forwarded_For="203.0.113.9")

    assert (send_request(X_Forwarded_For=forwarded_for).status_code == 429) is is_same


@pytest.mark.django_db
def test_without_a_proxy_the_forwarded_address_is_ignored(clock):
    assert [send_request(X_Forwarded_For=f"203.0.113.{n}").status_code for n in range(4)] == [401, 401, 401, 429]


@pytest.mark.django_db
def test_all_addresses_of_an_ipv6_subscriber_count_as_one(clock, settings):
    settings.BEHIND_PROXY = True
    same = [send_request(X_Forwarded_For=f"2001:db8:0:1::{n}").status_code for n in range(4)]

    assert same == [401, 401, 401, 429]
    assert send_request(X_Forwarded_For="2001:db8:0:2::1").status_code == 401


def test_memory_has_a_bound(monkeypatch):
    monkeypatch.setattr("lib.api.throttles.MAX_BUCKETS", 3)
    clock = Clock()
    buckets = Buckets(quota=2, seconds=60, clock=clock)
    for who in "abc":
        buckets.take(who)
    clock.now += 15
    buckets.take("c")
    clock.now += 15  # a and b are full again
    buckets.take("d")

    assert set(buckets._buckets) == {"c", "d"}
    for who in "efghij":
        buckets.take(who)
    assert len(buckets._buckets) <= 3
