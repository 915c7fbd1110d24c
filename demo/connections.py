"""
The demo's connections to other systems: webhooks and a CRM at the local sink, and targets of the data drop.

The notifications of the history have no receiver; those of the office's work are delivered at once.
"""

from datetime import datetime

from django.utils import timezone

from billing.models import DropTarget, SyncTarget
from billing.models.adapters import SyncKind
from billing.models.data_drop import DropFormat, DropKind
from billing.revenue.adapters.change_search import queue_changes
from billing.revenue.adapters.push_run import push_due
from customers.models import Seller, WebhookEndpoint
from customers.notifications import webhook_endpoints
from customers.notifications.delivery_run import deliver
from customers.notifications.fan_out import fan_out
from demo import local_sink
from demo.office.office_data import FINANCE, staff
from lib.encryption import encrypt
from lib.queue import Deadline

MOST_SECONDS = 20
"""The workers go on with what is left after this time."""

ENDPOINTS = (
    # path             kinds                                     sandbox  description
    ("/hooks/orders", (), False, "Product: all events"),
    ("/hooks/billing", ("invoice.issued", "invoice.paid"), False, "Finance bot"),
    ("/hooks/staging", (), True, "Staging"),
    (local_sink.REMOVED, ("usage.corrected",), False, "Old dashboard, switched off"),
)
DROPS = (
    # name          seller          format             enabled
    ("warehouse", "", DropFormat.PARQUET, True),
    ("us-finance", "lumenfold-us", DropFormat.CSV, False),
    ("eu-finance", "lumenfold-eu", DropFormat.CSV, False),
)
XERO = {"client_id": "demo", "token_url": f"{local_sink.URL}/crm/token", "account_code": "200", "is_enabled": False}


def add() -> bool:
    """Connect the demo's systems, unless they are connected already."""
    if WebhookEndpoint.objects.exists():
        return False
    while fan_out(at=timezone.now()):
        pass
    for path, kinds, sandbox, description in ENDPOINTS:
        webhook_endpoints.create(
            url=local_sink.URL + path, kinds=kinds, sandbox=sandbox, description=description, by=staff(FINANCE)
        )
    for seller in Seller.objects.all():
        _add_sync_target(seller, SyncKind.HUBSPOT, f"{local_sink.URL}/crm")
    _add_sync_target(Seller.objects.get(code="lumenfold-eu"), SyncKind.XERO, f"{local_sink.URL}/crm", **XERO)
    for name, code, format_, is_enabled in DROPS:
        DropTarget.objects.create(
            name=name,
            seller=Seller.objects.filter(code=code).first(),
            kind=DropKind.FOLDER,
            format=format_,
            path=name,
            is_enabled=is_enabled,
        )
    return True


def send(*, at: datetime) -> None:
    """Deliver the notifications and send the records that wait, as the workers would."""
    deadline = Deadline(MOST_SECONDS)
    while fan_out(at=timezone.now()):
        pass
    deliver(clock=timezone.now, deadline=deadline)
    queue_changes(at=at)
    while deadline.has_time() and push_due(at=at, deadline=deadline).synced:
        pass


def _add_sync_target(seller: Seller, kind: SyncKind, url: str, **fields: object) -> None:
    SyncTarget.objects.create(seller=seller, kind=kind, base_url=url, secret=encrypt("demo"), **fields)
