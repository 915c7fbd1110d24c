"""
All that is known of a customer, as one file for them: docs/personal-data.md#export.

A ZIP of one JSON document and tables as CSV. Usage is told by what it added up to; what was sent, event by event, can
be had of each invoice line.
"""

import json
import zipfile
from collections.abc import Iterable, Sequence
from typing import IO

from django.db import connection
from django.db.models import Sum
from django.db.models.functions import TruncMonth

from billing.models import HourlyUsage, Subscription
from billing.privacy.export_values import text_rows, to_text
from billing.privacy.payment_export import PAYMENT_ROWS, PAYMENT_TABLES
from customers.models import Customer, Delivery
from invoices.models import Invoice
from lib.csv_export import csv_lines
from wallets.models import Transaction

CUSTOMER_FIELDS = (
    *("external_id", "legal_name", "address_line1", "address_line2", "postal_code", "city", "region", "country"),
    *("tax_number", "email", "time_zone", "locale", "currency", "purchase_order", "tax_exemption", "created_at"),
    *("checked_tax_number", "tax_number_checked_at", "tax_number_proof"),
)

TABLES: dict[str, Sequence[str]] = {
    "contacts": ("name", "email", "language", "billing", "alerts"),
    "subscriptions": ("id", "plan", "version", "currency", "state", "starts_at", "ends_at"),
    "usage": ("month", "meter", "unit", "dimensions", "quantity", "events"),
    "invoices": ("number", "kind", "state", "issued_at", "due_date", "currency", "net", "tax", "total", "paid"),
    "wallet_movements": ("wallet", "at", "kind", "units", "unit", "balance_after", "reason"),
    **PAYMENT_TABLES,
    "mails": ("sent_at", "to", "kind", "state", "facts"),
    "changes": ("at", "what", "legal_name", "email", "address", "city", "tax_number"),
}


def export(customer: Customer, into: IO[bytes]) -> None:
    """Write the file into a stream that can be sought."""
    tables = {name: list(_ROWS[name](customer)) for name in TABLES}
    document = {"customer": {name: to_text(getattr(customer, name)) for name in CUSTOMER_FIELDS}}
    document |= {name: [dict(zip(TABLES[name], row, strict=True)) for row in rows] for name, rows in tables.items()}
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("customer.json", json.dumps(document, ensure_ascii=False, indent=2))
        for name, rows in tables.items():
            archive.writestr(f"{name}.csv", "".join(csv_lines([TABLES[name], *rows])))


def _contacts(customer: Customer) -> Iterable[list[str]]:
    return text_rows(customer.contacts.order_by("pk").values_list(*TABLES["contacts"]))


def _subscriptions(customer: Customer) -> Iterable[list[str]]:
    found = Subscription.objects.filter(customer=customer).order_by("pk")
    names = ("external_id", "version__plan__code", "version__number", "currency", "state", "starts_at", "ends_at")
    return text_rows(found.values_list(*names))


def _usage(customer: Customer) -> Iterable[list[str]]:
    found = HourlyUsage.objects.filter(series__period__subscription__customer=customer)
    months = found.annotate(month=TruncMonth("bucket")).values_list(
        "month", "series__meter__code", "series__meter__unit", "series__dimensions"
    )
    return text_rows(months.annotate(Sum("quantity"), Sum("events")).order_by("month", "series__meter__code"))


def _invoices(customer: Customer) -> Iterable[list[str]]:
    for one in Invoice.objects.filter(customer=customer).order_by("pk"):
        sums = (one.net.amount, one.tax.amount, one.total.amount, one.paid)
        facts = (one.number, one.kind, one.state, one.issued_at, one.due_date, one.currency, *sums)
        yield [to_text(value) for value in facts]


def _movements(customer: Customer) -> Iterable[list[str]]:
    found = Transaction.objects.filter(wallet__customer=customer).order_by("pk")
    names = ("wallet__name", "at", "kind", "units", "wallet__unit", "balance_after", "reason")
    return text_rows(found.values_list(*names))


def _mails(customer: Customer) -> Iterable[list[str]]:
    found = Delivery.objects.filter(notification__customer=customer, endpoint__isnull=True).order_by("pk")
    return text_rows(
        found.values_list("tried_at", "contact__email", "notification__kind", "state", "notification__facts")
    )


def _changes(customer: Customer) -> Iterable[list[str]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pgh_created_at, pgh_label, legal_name, email, address_line1, city, tax_number"
            " FROM customers_customerevent WHERE pgh_obj_id = %s ORDER BY pgh_id",
            [customer.pk],
        )
        return list(text_rows(cursor.fetchall()))


_ROWS = {
    "contacts": _contacts,
    "subscriptions": _subscriptions,
    "usage": _usage,
    "invoices": _invoices,
    "wallet_movements": _movements,
    **PAYMENT_ROWS,
    "mails": _mails,
    "changes": _changes,
}
