"""
Export of a customer's data as one file: docs/personal-data.md#export.

A ZIP of one JSON document and tables as CSV. Usage is summed up; single events are available for each invoice line.
"""

import json
import zipfile
from collections.abc import Iterable, Sequence
from typing import IO, Any

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
    "changes": ("at", "action", "legal_name", "email", "address", "city", "tax_number"),
}


def export(customer: Customer, into: IO[bytes]) -> None:
    """Write the file to a seekable stream."""
    tables = {name: list(_ROW_READERS[name](customer)) for name in TABLES}
    document: dict[str, Any] = {"customer": {name: to_text(getattr(customer, name)) for name in CUSTOMER_FIELDS}}
    document |= {name: [dict(zip(TABLES[name], row, strict=True)) for row in rows] for name, rows in tables.items()}
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("customer.json", json.dumps(document, ensure_ascii=False, indent=2))
        for name, rows in tables.items():
            archive.writestr(f"{name}.csv", "".join(csv_lines([TABLES[name], *rows])))


def _contact_rows(customer: Customer) -> Iterable[list[str]]:
    return text_rows(customer.contacts.order_by("pk").values_list(*TABLES["contacts"]))


def _subscription_rows(customer: Customer) -> Iterable[list[str]]:
    subscriptions = Subscription.objects.filter(customer=customer).order_by("pk")
    names = ("external_id", "version__plan__code", "version__number", "currency", "state", "starts_at", "ends_at")
    return text_rows(subscriptions.values_list(*names))


def _usage_rows(customer: Customer) -> Iterable[list[str]]:
    hours = HourlyUsage.objects.filter(series__period__subscription__customer=customer)
    months = hours.annotate(month=TruncMonth("bucket")).values_list(
        "month", "series__meter__code", "series__meter__unit", "series__dimensions"
    )
    return text_rows(months.annotate(Sum("quantity"), Sum("events")).order_by("month", "series__meter__code"))


def _invoice_rows(customer: Customer) -> Iterable[list[str]]:
    for invoice in Invoice.objects.filter(customer=customer).order_by("pk"):
        sums = (invoice.net.amount, invoice.tax.amount, invoice.total.amount, invoice.paid)
        facts = (
            invoice.number,
            invoice.kind,
            invoice.state,
            invoice.issued_at,
            invoice.due_date,
            invoice.currency,
            *sums,
        )
        yield [to_text(value) for value in facts]


def _wallet_rows(customer: Customer) -> Iterable[list[str]]:
    transactions = Transaction.objects.filter(wallet__customer=customer).order_by("pk")
    names = ("wallet__name", "at", "kind", "units", "wallet__unit", "balance_after", "reason")
    return text_rows(transactions.values_list(*names))


def _mail_rows(customer: Customer) -> Iterable[list[str]]:
    deliveries = Delivery.objects.filter(notification__customer=customer, endpoint__isnull=True).order_by("pk")
    return text_rows(
        deliveries.values_list("tried_at", "contact__email", "notification__kind", "state", "notification__facts")
    )


def _change_rows(customer: Customer) -> Iterable[list[str]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pgh_created_at, pgh_label, legal_name, email, address_line1, city, tax_number"
            " FROM customers_customerevent WHERE pgh_obj_id = %s ORDER BY pgh_id",
            [customer.pk],
        )
        return list(text_rows(cursor.fetchall()))


_ROW_READERS = {
    "contacts": _contact_rows,
    "subscriptions": _subscription_rows,
    "usage": _usage_rows,
    "invoices": _invoice_rows,
    "wallet_movements": _wallet_rows,
    **PAYMENT_ROWS,
    "mails": _mail_rows,
    "changes": _change_rows,
}
