"""
Export of a customer's data as one file: docs/personal-data.md#export.

A ZIP of one JSON document and tables as CSV. Usage is summed up; single events are available for each invoice line.
"""

import json
import zipfile
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import IO, Any, NamedTuple

from django.db.models import Q, QuerySet, Sum
from django.db.models.functions import TruncMonth

from billing.models import HourlyUsage, Subscription
from customers.models import Contact, Customer, Delivery, PortalSession
from invoices.models import (
    BalanceEntry,
    BankLine,
    DunningAct,
    Invoice,
    PayerAccount,
    Payment,
    PaymentAttempt,
    PaymentMethod,
    ProviderEvent,
    Refund,
)
from lib import sql
from lib.csv_export import csv_lines
from wallets.models import Transaction

CUSTOMER_FIELDS = (
    *("external_id", "legal_name", "address_line1", "address_line2", "postal_code", "city", "region", "country"),
    *("tax_number", "email", "time_zone", "locale", "currency", "purchase_order", "tax_exemption", "created_at"),
    *("checked_tax_number", "tax_number_checked_at", "tax_number_proof", "metadata", "tags"),
)


class ExportTable(NamedTuple):
    """A table of the export. read: returns a customer's rows, with a value for each column."""

    columns: tuple[str, ...]
    read: Callable[[Customer], Iterable[Sequence[Any]]]


def export(customer: Customer, into: IO[bytes]) -> None:
    """Write the file to a seekable stream."""
    tables = {name: [list(map(_to_text, row)) for row in table.read(customer)] for name, table in TABLES.items()}
    document: dict[str, Any] = {"customer": {name: _to_text(getattr(customer, name)) for name in CUSTOMER_FIELDS}}
    document |= {
        name: [dict(zip(TABLES[name].columns, row, strict=True)) for row in rows] for name, rows in tables.items()
    }
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("customer.json", json.dumps(document, ensure_ascii=False, indent=2))
        for name, rows in tables.items():
            archive.writestr(f"{name}.csv", "".join(csv_lines([TABLES[name].columns, *rows])))


def _to_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return value.isoformat() if isinstance(value, date) else str(value)


def _stored(rows: QuerySet[Any], customer: str, *columns: str, **lookups: str) -> ExportTable:
    """
    Return a table of stored rows.

    customer: the lookup of a row's customer. columns: fields of the row; lookups: column → its field, for columns
    with a name of their own.
    """
    fields = [lookups.get(column, column) for column in columns]
    return ExportTable(columns, lambda owner: rows.filter(**{customer: owner}).order_by("pk").values_list(*fields))


def _read_usage(customer: Customer) -> Iterable[Sequence[Any]]:
    hours = HourlyUsage.objects.filter(series__period__subscription__customer=customer)
    months = hours.annotate(month=TruncMonth("bucket")).values_list(
        "month", "series__meter__code", "series__meter__unit", "series__dimensions"
    )
    return months.annotate(Sum("quantity"), Sum("events")).order_by("month", "series__meter__code")


def _read_provider_messages(customer: Customer) -> Iterable[Sequence[Any]]:
    """Return the provider's messages about the customer's account with it."""
    about_customer = Q(pk__in=[])
    for provider, ref in PayerAccount.objects.filter(customer=customer).values_list("provider", "ref"):
        about_customer |= Q(provider=provider, content__data__object__customer=ref)
        about_customer |= Q(provider=provider, content__data__object__id=ref)
    messages = ProviderEvent.objects.filter(about_customer).order_by("pk")
    return messages.values_list("received_at", "kind", "content")


def _read_changes(customer: Customer) -> Iterable[Sequence[Any]]:
    return sql.fetch_rows(
        "SELECT pgh_created_at, pgh_label, legal_name, email, address_line1, city, tax_number"
        " FROM customers_customerevent WHERE pgh_obj_id = %s ORDER BY pgh_id",
        [customer.pk],
    )


TABLES = {
    "contacts": _stored(Contact.objects.all(), "customer", "name", "email", "language", "role", "billing", "alerts"),
    "subscriptions": _stored(
        Subscription.objects.all(),
        "customer",
        *("id", "plan", "version", "currency", "state", "starts_at", "ends_at", "metadata", "tags"),
        id="external_id",
        plan="version__plan__code",
        version="version__number",
    ),
    "usage": ExportTable(("month", "meter", "unit", "dimensions", "quantity", "events"), _read_usage),
    "invoices": _stored(
        Invoice.objects.all(),
        "customer",
        *("number", "kind", "state", "issued_at", "due_date", "currency", "net", "tax", "total", "paid"),
        *("metadata", "tags"),
        metadata="labels__metadata",
        tags="labels__tags",
    ),
    "wallet_movements": _stored(
        Transaction.objects.all(),
        "wallet__customer",
        *("wallet", "at", "kind", "units", "unit", "balance_after", "reason"),
        wallet="wallet__name",
        unit="wallet__unit",
    ),
    "cards": _stored(
        PaymentMethod.objects.all(),
        "account__customer",
        *("provider", "label", "kind", "mandate", "expires_on", "created_at", "removed_at"),
        provider="account__provider",
    ),
    "payments": _stored(
        Payment.objects.all(),
        "invoice__customer",
        *("invoice", "paid_at", "amount", "currency", "method", "reference", "reason"),
        invoice="invoice__number",
    ),
    "charges": _stored(
        PaymentAttempt.objects.all(),
        "invoice__customer",
        *("invoice", "created_at", "amount", "currency", "state", "reason", "back_to"),
        invoice="invoice__number",
    ),
    "refunds": _stored(
        Refund.objects.all(),
        "customer",
        *("created_at", "amount", "currency", "state", "reference", "reason"),
        reference="ref",
    ),
    "balance": _stored(
        BalanceEntry.objects.all(), "customer", "at", "kind", "amount", "currency", "after", "reference"
    ),
    "bank_lines": _stored(
        BankLine.objects.all(),
        "customer",
        *("value_date", "amount", "currency", "payer_name", "payer_account", "text", "end_to_end_id"),
    ),
    "reminders": _stored(
        DunningAct.objects.all(),
        "invoice__customer",
        *("invoice", "at", "days", "action", "outcome"),
        invoice="invoice__number",
    ),
    "provider_messages": ExportTable(("received_at", "kind", "content"), _read_provider_messages),
    "visits": _stored(PortalSession.objects.all(), "customer", "began_at", "seen_at", "way", "email"),
    "mails": _stored(
        Delivery.objects.filter(endpoint__isnull=True),
        "notification__customer",
        *("sent_at", "to", "kind", "state", "facts"),
        sent_at="tried_at",
        to="contact__email",
        kind="notification__kind",
        facts="notification__facts",
    ),
    "changes": ExportTable(("at", "action", "legal_name", "email", "address", "city", "tax_number"), _read_changes),
}
