"""Staff pages of sync targets and their records."""

from datetime import UTC, datetime

import pytest

from billing.models import SyncRecord, SyncTarget
from billing.revenue.adapters.change_search import queue_changes
from lib.encryption import decrypt
from tests.builders import make_customer, make_seller

pytestmark = pytest.mark.django_db
AT = datetime(2026, 1, 5, 9, tzinfo=UTC)


def fields(**changes):
    facts = {"seller": make_seller().pk, "kind": "hubspot", "base_url": "https://api.example.com", "token": "s3cret"}
    return {**facts, "client_id": "", "token_url": "", "account_code": "", "since": "", "is_enabled": "on", **changes}


def test_finance_adds_a_target_whose_secret_is_stored_encrypted(member):
    client = member("finance")
    assert client.post("/admin/billing/synctarget/add/", fields()).status_code == 302
    target = SyncTarget.objects.get()
    assert decrypt(target.secret) == "s3cret"
    page = client.get(f"/admin/billing/synctarget/{target.pk}/change/").content.decode()
    assert "s3cret" not in page
    assert target.secret not in page


def test_a_new_address_needs_the_secret(member):
    client = member("finance")
    client.post("/admin/billing/synctarget/add/", fields())
    target = SyncTarget.objects.get()
    address = f"/admin/billing/synctarget/{target.pk}/change/"
    moved = fields(base_url="https://elsewhere.example.com", token="")
    assert "Enter the secret" in client.post(address, moved).content.decode()
    assert client.post(address, fields(token="", is_enabled="")).status_code == 302
    target.refresh_from_db()
    assert (target.is_enabled, decrypt(target.secret)) == (False, "s3cret")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"base_url": "https://127.0.0.1"}, "is not an address of the public internet"),
        ({"base_url": "http://api.example.com"}, "Use https"),
        ({"kind": "xero"}, "Xero needs a client ID, a token URL and an account code."),
        ({"token": ""}, "Enter the secret"),
    ],
)
def test_a_bad_target_is_refused(member, changes, error):
    assert error in member("finance").post("/admin/billing/synctarget/add/", fields(**changes)).content.decode()


def test_operations_sends_refused_records_again(member):
    make_customer("acme")
    member("finance").post("/admin/billing/synctarget/add/", fields())
    queue_changes(at=AT)
    log = [{"at": "2026-01-05T09:00:00+00:00", "state": "refused", "text": "400: <b>no</b>"}]
    SyncRecord.objects.update(state="refused", next_at=None, error="400: no", log=log)
    record = SyncRecord.objects.get()
    client = member("operations")
    page = client.get(f"/admin/billing/syncrecord/{record.pk}/change/").content.decode()
    assert "refused: 400: &lt;b&gt;no&lt;/b&gt;" in page
    assert client.get("/admin/billing/synctarget/").status_code == 200
    chosen = {"action": "send_again", "_selected_action": [record.pk]}
    assert "Send 1 record again" in client.post("/admin/billing/syncrecord/", chosen).content.decode()
    assert client.post("/admin/billing/syncrecord/", chosen | {"_agreed": "1"}).status_code == 302
    record.refresh_from_db()
    assert (record.state, record.attempts) == ("waiting", 0)
