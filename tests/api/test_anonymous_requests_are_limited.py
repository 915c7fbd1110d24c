"""Requests without a valid key are limited by IP address; a key in use is accepted regardless of them."""

import pytest
from django.test import Client

from access.rate_limits.buckets import clear_limits
from customers.api_keys import anonymous_throttle
from customers.api_keys.keys import revoke
from tests.api.calls import NOW, Caller, problem
from tests.rate_limits import let_time_pass

WRONG = "tb_live_abcdefgh_" + "x" * 43


@pytest.fixture(autouse=True)
def three_a_minute(settings, monkeypatch):
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"address": "3/60s"}
    clear_limits()
    monkeypatch.setattr(anonymous_throttle, "_known", {})


def send_request(secret=WRONG, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    headers |= {"Authorization": f"Bearer {secret}"} if secret else {}
    return Client().get("/api/v1/customers", headers=headers)


@pytest.mark.django_db
@pytest.mark.parametrize("secret", [WRONG, "nonsense", ""])
def test_guessing_is_throttled_for_a_while(secret, django_assert_num_queries):
    for _ in range(3):
        problem(send_request(secret), 401, "not-authenticated")
    problem(send_request(secret), 429, "too-many-requests")

    with django_assert_num_queries(0):
        refused = send_request(secret)
    problem(refused, 429, "too-many-requests")
    assert refused["Retry-After"] == "20"
    assert refused["RateLimit-Policy"] == '"address";q=3;w=60'
    let_time_pass(20)
    problem(send_request(secret), 401, "not-authenticated")


def test_a_key_in_use_is_accepted_from_a_throttled_address(live):
    assert live.get("/customers").status_code == 200
    for _ in range(5):
        send_request()
    newcomer = Caller()

    assert live.get("/customers").status_code == 200
    problem(newcomer.get("/customers"), 429, "too-many-requests")
    let_time_pass(20)
    assert newcomer.get("/customers").status_code == 200


def test_a_revoked_key_is_throttled_like_no_key(live):
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
def test_behind_a_proxy_the_address_is_the_one_that_the_proxy_saw(settings, forwarded_for, is_same):
    settings.BEHIND_PROXY = True
    for _ in range(3):
        send_request(X_Forwarded_For="203.0.113.9")

    assert (send_request(X_Forwarded_For=forwarded_for).status_code == 429) is is_same


@pytest.mark.django_db
def test_without_a_proxy_the_forwarded_address_is_ignored():
    assert [send_request(X_Forwarded_For=f"203.0.113.{n}").status_code for n in range(4)] == [401, 401, 401, 429]


@pytest.mark.django_db
def test_all_addresses_of_an_ipv6_subscriber_count_as_one(settings):
    settings.BEHIND_PROXY = True
    same = [send_request(X_Forwarded_For=f"2001:db8:0:1::{n}").status_code for n in range(4)]

    assert same == [401, 401, 401, 429]
    assert send_request(X_Forwarded_For="2001:db8:0:2::1").status_code == 401
