"""An API key is issued, rotated and revoked in the admin; its secret is shown on one page, once."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from customers.api_keys import keys
from customers.models import ApiKey

SECRET = re.compile(r"tb_(?:live|test)_[0-9a-z]{8}_[0-9A-Za-z]{43}")


@pytest.fixture
def key(db):
    return keys.issue(name="production", scopes=["ingest", "read"], sandbox=False, by=None, at=timezone.now())[0]


def shown(answer):
    assert answer.status_code == 200
    return SECRET.search(answer.content.decode()).group()


def test_when_it_is_issued(member):
    client = member("operations")
    secret = shown(client.post("/admin/customers/apikey/add/", {"name": "shop", "scopes": ["ingest"]}))
    key = ApiKey.objects.get()
    assert key.secret_sha256 == keys.digest(secret)
    assert (key.name, key.scopes, key.created_by) == ("shop", ["ingest"], ApiKey.objects.get().created_by)
    for address in ("", f"{key.pk}/change/", f"{key.pk}/history/"):
        page = client.get(f"/admin/customers/apikey/{address}").content.decode()
        assert not SECRET.search(page)
        assert key.secret_sha256 not in page


def test_when_it_is_rotated_and_the_old_key_overlaps(member, key):
    secret = shown(member("engineer").post(f"/admin/customers/apikey/{key.pk}/rotate/", {"hours": "2"}))
    fresh = ApiKey.objects.latest("pk")
    key.refresh_from_db()
    assert fresh.secret_sha256 == keys.digest(secret)
    assert fresh.scopes == key.scopes
    assert timedelta(hours=1, minutes=59) < key.expires_at - timezone.now() <= timedelta(hours=2)


def test_not_when_it_is_revoked(member, key):
    client = member("operations")
    page_text = client.get(f"/admin/customers/apikey/{key.pk}/revoke/").content.decode()
    assert "never used" in page_text
    client.post(f"/admin/customers/apikey/{key.pk}/revoke/", {"_reason": "Found in a log"})
    key.refresh_from_db()
    assert key.revoked_at is not None
    assert "Found in a log" in client.get(f"/admin/customers/apikey/{key.pk}/history/").content.decode()


def test_an_expired_or_revoked_key_is_not_rotated(member, key):
    keys.revoke(key=key, at=timezone.now())
    answer = member("operations").post(f"/admin/customers/apikey/{key.pk}/rotate/", {"hours": "2"})
    assert "is revoked or expired" in answer.content.decode()
    assert ApiKey.objects.count() == 1


@pytest.mark.parametrize("group", ["finance", "support"])
def test_is_refused_to_other_groups(member, key, group):
    client = member(group)
    assert client.post("/admin/customers/apikey/add/", {"name": "x", "scopes": ["read"]}).status_code == 403
    assert client.post(f"/admin/customers/apikey/{key.pk}/rotate/", {"hours": "2"}).status_code == 403
    assert client.post(f"/admin/customers/apikey/{key.pk}/revoke/").status_code == 403
