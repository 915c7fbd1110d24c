"""Authentication: which keys are accepted, and how many queries each attempt takes."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from access.rate_limits.buckets import rate_limit
from customers.api_keys.keys import revoke, rotate
from customers.models import ApiKey
from tests.api.calls import Caller, problem

LIST = "/api/v1/customers"


@pytest.fixture
def client():
    return Client()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer tb_live_short",
        "Bearer tb_live_abcdefgh_" + "x" * 43,
        "bearer tb_test_abcdefgh_" + "0" * 43 + " ",
        "Basic dXNlcjpwYXNz",
        "Token tb_live_abcdefgh_" + "x" * 43,
        "Bearer tb_live_abcdefgh_" + "é" * 43,
        "Bearer " + "x" * 5000,
    ],
)
def test_a_call_without_a_valid_key_is_refused(client, header):
    response = client.get(LIST, headers={} if header is None else {"Authorization": header})

    problem(response, 401, "not-authenticated")
    assert response["WWW-Authenticate"] == 'Bearer realm="api"'


@pytest.mark.django_db
def test_a_valid_key_is_accepted(live):
    assert live.get("/customers").status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("scheme", ["bearer", "BEARER"])
def test_the_scheme_is_read_in_any_case(client, live, scheme):
    assert client.get(LIST, headers={"Authorization": f"{scheme} {live.secret}"}).status_code == 200


def test_a_head_is_a_get_without_its_body(live):
    response = live.send("HEAD", "/customers")

    assert (response.status_code, response.content) == (200, b"")


@pytest.mark.django_db
def test_a_staff_session_does_not_authenticate_a_call(client, admin_user):
    client.force_login(admin_user)

    problem(client.get(LIST), 401, "not-authenticated")
    problem(client.post(LIST, {}, content_type="application/json"), 401, "not-authenticated")


@pytest.mark.django_db
def test_a_key_in_the_url_does_not_authenticate(client, live):
    problem(client.get(LIST, {"key": live.secret, "access_token": live.secret}), 401, "not-authenticated")


@pytest.mark.django_db
def test_no_key_is_logged(client, live, caplog):
    caplog.set_level("DEBUG")
    revoke(key=live.key, at=timezone.now())
    live.get("/customers")
    live.send("POST", "/customers", b"{")

    assert caplog.text
    assert live.secret.rpartition("_")[2] not in caplog.text


@pytest.mark.django_db
def test_an_expired_key_is_refused():
    now = timezone.now()
    caller = Caller(at=now - timedelta(hours=2), expires_at=now - timedelta(hours=1))

    assert "expired" in problem(caller.get("/customers"), 401, "not-authenticated")["detail"]


@pytest.mark.django_db
def test_a_revoked_key_is_refused_at_once(live):
    revoke(key=live.key, at=timezone.now())

    assert "revoked" in problem(live.get("/customers"), 401, "not-authenticated")["detail"]


@pytest.mark.django_db
def test_both_keys_work_while_a_rotation_overlaps(client, live):
    _, secret = rotate(key=live.key, overlap=timedelta(hours=1), by=None, at=timezone.now())

    assert live.get("/customers").status_code == 200
    assert client.get(LIST, headers={"Authorization": f"Bearer {secret}"}).status_code == 200


@pytest.mark.django_db
def test_no_error_contains_the_secret(live):
    revoke(key=live.key, at=timezone.now())

    assert live.secret.rpartition("_")[2].encode() not in live.get("/customers").content


@pytest.mark.django_db
def test_an_error_names_the_missing_scope():
    """tests/access checks which scope each route needs."""
    error = problem(Caller(scopes=["ingest", "manage"]).get("/customers"), 403, "scope-missing")

    assert "“read”" in error["detail"]


@pytest.mark.django_db
def test_authentication_takes_one_query(live, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert live.get("/customers", limit="none").status_code == 400, "refused before the list is read"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("seconds_ago", "queries"), [(None, 2), (61, 2), (59, 1)], ids=["never used", "a minute ago", "just now"]
)
def test_its_last_use_is_stored_once_a_minute(live, django_assert_num_queries, seconds_ago, queries):
    before = None if seconds_ago is None else timezone.now() - timedelta(seconds=seconds_ago)
    ApiKey.objects.filter(pk=live.key.pk).update(last_used_at=before)

    with django_assert_num_queries(queries):
        live.get("/customers", limit="none")

    live.key.refresh_from_db()
    assert (live.key.last_used_at == before) is (queries == 1)


@pytest.mark.django_db
def test_its_use_writes_no_history(live):
    ApiKey.objects.filter(pk=live.key.pk).update(last_used_at=None)
    before = live.key.events.count()

    live.get("/customers")

    assert before
    assert live.key.events.count() == before


@pytest.mark.django_db
def test_a_malformed_key_takes_no_query(client, django_assert_num_queries):
    rate_limit("address").take("127.0.0.1")  # a lease of the address's quota
    with django_assert_num_queries(0):
        client.get(LIST, headers={"Authorization": "Bearer guess"})
