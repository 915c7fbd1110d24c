"""API keys issue, rotate and revoke keys of the same mode (live or sandbox), with no scope that the caller lacks."""

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


def test_an_issued_key_has_the_requested_scopes(live):
    answer = live.post("/keys", {"name": "Usage", "scopes": ["read", "ingest"]}, Idempotency_Key="k")
    repeated = live.post("/keys", {"name": "Usage", "scopes": ["read", "ingest"]}, Idempotency_Key="k")
    payload = answer.json()
    key = ApiKey.objects.get(pk=payload["id"])

    assert answer.status_code == 201
    assert (key.scopes, key.sandbox, key.created_by) == (["ingest", "read"], False, None)
    assert payload["secret"].startswith(payload["prefix"])
    assert works(payload["secret"])
    assert repeated.json() == payload | {"secret": None}, "the secret is shown once, and kept nowhere"


GIVEN = [
    # caller's scopes      scopes requested       allowed
    (ALL, ["ingest"], True),
    (ALL, list(ALL), True),
    (["manage"], ["manage"], True),
    (["manage"], ["read"], False),
    (["manage", "read"], ["ingest", "read"], False),
    (["read"], ["read"], False),
]


@pytest.mark.parametrize(("scopes", "requested", "is_allowed"), GIVEN)
def test_no_key_grants_a_scope_that_it_lacks(scopes, requested, is_allowed):
    caller = Caller(scopes=scopes)
    other = Caller(scopes=requested)

    issued = caller.post("/keys", {"name": "K", "scopes": requested})
    rotated = caller.post(f"/keys/{other.key.pk}/rotate", {})

    for answer in (issued, rotated):
        if is_allowed:
            assert answer.status_code == 201
        else:
            problem(answer, 403, "scope-missing")
    assert ApiKey.objects.count() == (4 if is_allowed else 2)


def test_a_rotated_key_works_until_its_overlap_ends(live):
    old = Caller(scopes=["read"], at=timezone.now())
    payload = live.post(f"/keys/{old.key.pk}/rotate", {"overlap": 3600}).json()
    old.key.refresh_from_db()

    assert works(payload["secret"])
    assert works(old.secret)
    assert payload["scopes"] == ["read"]
    assert timedelta(minutes=59) < old.key.expires_at - timezone.now() <= timedelta(hours=1)
    at_once = live.post(f"/keys/{payload['id']}/rotate", {"overlap": 0}).json()
    assert not works(payload["secret"])
    problem(live.post(f"/keys/{payload['id']}/rotate", {}), 409, "conflict")
    assert works(at_once["secret"])


def test_a_key_can_revoke_itself_and_is_then_refused(live):
    payload = live.post(f"/keys/{live.key.pk}/revoke", {}).json()

    assert payload["revoked_at"] is not None
    problem(live.get("/keys"), 401, "not-authenticated")


def test_the_list_shows_last_uses_and_no_secrets(live, sandbox):
    rows = live.get("/keys").json()["data"]

    assert [row["prefix"] for row in rows] == [live.key.prefix], "no sandbox keys"
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
def test_an_invalid_key_request_names_the_field(live, body, field):
    if "sandbox" in body:  # a read-only field may be sent back and is ignored
        assert live.post("/keys", body).json()["sandbox"] is False
    else:
        assert field.split(".")[0] in {fault.split(".")[0] for fault in faults(live.post("/keys", body))}


def test_every_view_asks_for_a_key():
    assert ApiKeyAuthentication().authenticate_header(None) == 'Bearer realm="api"'
