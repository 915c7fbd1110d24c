"""Keys are issued, rotated and revoked by keys: of the same world, with no scope that the caller has not itself."""

from datetime import timedelta

import pytest
from django.utils import timezone

from customers.api_keys.authentication import ApiKeyAuthentication
from customers.models import ApiKey
from tests.api.calls import ALL, Caller, faults, problem

pytestmark = pytest.mark.django_db


def works(secret):
    caller = Caller()
    caller.secret = secret
    return caller.get("/customers").status_code != 401


def test_a_key_that_was_issued_opens_what_it_was_given(live):
    answer = live.post("/keys", {"name": "Usage", "scopes": ["read", "ingest"]}, Idempotency_Key="k")
    again = live.post("/keys", {"name": "Usage", "scopes": ["read", "ingest"]}, Idempotency_Key="k")
    told = answer.json()
    made = ApiKey.objects.get(pk=told["id"])

    assert answer.status_code == 201
    assert (made.scopes, made.sandbox, made.created_by) == (["ingest", "read"], False, None)
    assert told["secret"].startswith(told["prefix"])
    assert works(told["secret"])
    assert again.json() == told | {"secret": None}, "the secret is shown once, and kept nowhere"


GIVEN = [
    # has                  gives                  is let
    (ALL, ["ingest"], True),
    (ALL, list(ALL), True),
    (["manage"], ["manage"], True),
    (["manage"], ["read"], False),
    (["manage", "read"], ["ingest", "read"], False),
    (["read"], ["read"], False),
]


@pytest.mark.parametrize(("has", "gives", "is_let"), GIVEN)
def test_no_key_gives_what_it_has_not(has, gives, is_let):
    caller = Caller(scopes=has)
    other = Caller(scopes=gives)

    issued = caller.post("/keys", {"name": "K", "scopes": gives})
    rotated = caller.post(f"/keys/{other.key.pk}/rotate", {})

    for answer in (issued, rotated):
        if is_let:
            assert answer.status_code == 201
        else:
            problem(answer, 403, "scope-missing")
    assert ApiKey.objects.count() == (4 if is_let else 2)


def test_a_rotated_key_goes_on_for_its_overlap(live):
    old = Caller(scopes=["read"], at=timezone.now())
    told = live.post(f"/keys/{old.key.pk}/rotate", {"overlap": 3600}).json()
    old.key.refresh_from_db()

    assert works(told["secret"])
    assert works(old.secret)
    assert told["scopes"] == ["read"]
    assert timedelta(minutes=59) < old.key.expires_at - timezone.now() <= timedelta(hours=1)
    at_once = live.post(f"/keys/{told['id']}/rotate", {"overlap": 0}).json()
    assert not works(told["secret"])
    problem(live.post(f"/keys/{told['id']}/rotate", {}), 409, "conflict")
    assert works(at_once["secret"])


def test_a_revoked_key_is_refused_and_may_be_ones_own(live):
    told = live.post(f"/keys/{live.key.pk}/revoke", {}).json()

    assert told["revoked_at"] is not None
    problem(live.get("/keys"), 401, "not-authenticated")


def test_the_list_says_when_each_was_used_and_shows_no_secret(live, sandbox):
    rows = live.get("/keys").json()["data"]

    assert [row["prefix"] for row in rows] == [live.key.prefix], "no keys of the other world"
    assert rows[0]["last_used_at"] is not None
    assert "secret" not in rows[0]
    assert live.secret not in str(rows)
    problem(live.get(f"/keys/{sandbox.key.pk}"), 404, "not-found")
    problem(live.post(f"/keys/{sandbox.key.pk}/revoke", {}), 404, "not-found")


WRONG = [
    ({"name": "K"}, "scopes"),
    ({"name": "K", "scopes": []}, "scopes"),
    ({"name": "K", "scopes": ["admin"]}, "scopes.0"),
    ({"scopes": ["read"]}, "name"),
    ({"name": "K", "scopes": ["read"], "sandbox": True}, "sandbox"),
    ({"name": "K", "scopes": ["read"], "expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
]


@pytest.mark.parametrize(("body", "field"), WRONG)
def test_what_cannot_be_issued_is_refused_by_field(live, body, field):
    if "sandbox" in body:  # what is only given may be sent back, and changes nothing
        assert live.post("/keys", body).json()["sandbox"] is False
    else:
        assert field.split(".")[0] in {fault.split(".")[0] for fault in faults(live.post("/keys", body))}


def test_every_view_asks_for_a_key():
    assert ApiKeyAuthentication().authenticate_header(None) == 'Bearer realm="api"'
