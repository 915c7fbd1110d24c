"""Targets of a seller, and the passing of time until nothing is left to send."""

from datetime import datetime, timedelta

from billing.models import SyncRecord, SyncTarget
from billing.revenue.adapters.change_search import queue_changes
from billing.revenue.adapters.push_run import PushTotals, push_due
from lib.encryption import encrypt
from tests.billing.revenue.adapters.fake_targets import SECRET, TOKEN, FakeTarget
from tests.builders import make_seller


def hubspot_target(fake: FakeTarget, **fields) -> SyncTarget:
    fields = {"seller": make_seller(), "base_url": fake.url, "secret": encrypt(TOKEN)} | fields
    return SyncTarget.objects.create(kind="hubspot", **fields)


def xero_target(fake: FakeTarget, **fields) -> SyncTarget:
    facts = {"seller": make_seller(), "base_url": fake.url, "token_url": f"{fake.url}/connect/token"}
    access = {"client_id": "client", "secret": encrypt(SECRET), "account_code": "200"}
    return SyncTarget.objects.create(kind="xero", **facts | access | fields)


def sync(at: datetime) -> PushTotals:
    """Search and send once."""
    queue_changes(at=at)
    return push_due(at=at)


def sync_until_done(at: datetime, *, step: timedelta = timedelta(hours=7), rounds: int = 40) -> datetime:
    """Search and send, with time between, until every record was accepted; return the time then."""
    for _ in range(rounds):
        sync(at)
        if not SyncRecord.objects.exclude(state="synced").exists():
            return at
        at += step
    raise AssertionError(list(SyncRecord.objects.values_list("kind", "state", "error")))
