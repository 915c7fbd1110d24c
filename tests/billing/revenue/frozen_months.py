"""Locked months with postings, written as a lock freezes them."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection

from billing.revenue.ledger.posting_table import COLUMNS, create_partition_of_lock
from billing.revenue.metrics.frozen_months import freeze_recurring_revenue
from billing.revenue.month_end.month_freeze import finish_freezing
from customers.models import Customer, Seller
from invoices.documents.calendar_months import month_bounds
from invoices.documents.locked_months import lock_month
from invoices.models import MonthLock
from tests.builders import make_customer, make_seller

JANUARY = date(2026, 1, 1)
LOCKED_AT = datetime(2026, 2, 3, tzinfo=UTC)
Row = dict[str, Any]


def posting(debit: str, credit: str, amount: str | int | Decimal, **fields: Any) -> Row:
    """Describe a posting of a customer without any narrowing; `source_id` 1 of a line by default."""
    return {"debit": debit, "credit": credit, "amount": Decimal(amount), **fields}


def freeze(
    seller: Seller, rows: Iterable[Row], *, month: date = JANUARY, customer: Customer | None = None
) -> MonthLock:
    """Lock a seller's month with these postings, and return the lock."""
    customer = customer or Customer.objects.filter(seller=seller).first() or make_customer(seller=seller)
    ends_at = month_bounds(month, ZoneInfo(seller.time_zone))[1]
    lock = MonthLock.objects.create(
        seller=seller, month=month, locked_at=max(LOCKED_AT, ends_at), ends_at=ends_at, sums=[]
    )
    create_partition_of_lock(month)
    defaults = {
        "month": month,
        "lock_id": lock.pk,
        "seller_id": seller.pk,
        "currency": seller.currency,
        "service_month": month,
        "booked_month": month,
        "customer_id": customer.pk,
        "source": "line",
        "source_id": 1,
        "kind": "",
        "country": "",
        "tax_name": "",
        "method": "",
        **dict.fromkeys(("plan_id", "feature_id", "fee_id", "pack_id", "tax_rate")),
    }
    names = [name.strip() for name in COLUMNS.split(",")]
    count = 0
    with connection.cursor() as cursor, cursor.copy(f"COPY billing_posting ({COLUMNS}) FROM STDIN") as copy:
        for row in rows:
            whole = {**defaults, **row}
            copy.write_row([whole[name] for name in names])
            count += 1
    lock.frozen_at, lock.postings, lock.digest = lock.locked_at, count, 0
    lock.save(update_fields=["frozen_at", "postings", "digest"])
    return lock


def freeze_metrics(month: date, *, at: datetime) -> MonthLock:
    """Lock a month of the default seller, and freeze its recurring revenue and its postings, of which it has none."""
    lock = lock_month(seller=make_seller(), month=month, checklist=[], note="", by=None, at=at)
    create_partition_of_lock(month)
    freeze_recurring_revenue(lock=lock)
    finish_freezing(lock, at=at)
    return lock


def unlock(lock: MonthLock) -> None:
    lock.unlock_reason, lock.unlocked_at = "A correction.", lock.locked_at
    lock.save(update_fields=["unlock_reason", "unlocked_at"])
