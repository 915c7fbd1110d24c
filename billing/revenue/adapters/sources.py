"""Our rows as a target gets them: customers and their subscriptions as companies and deals, or invoices."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from billing.models import Subscription, SyncRecord, SyncTarget
from billing.models.adapters import RecordKind, SyncKind
from billing.models.subscriptions import SubscriptionState
from billing.revenue.adapters.adapter import OurRecord
from billing.revenue.adapters.hubspot import as_properties
from billing.revenue.adapters.line_taxes import split_tax
from billing.revenue.metrics.live_balances import SUBSCRIPTION_VALUES, live_parameters
from customers.models import Customer
from invoices.models import Invoice, Line
from invoices.models.invoices import InvoiceState
from invoices.models.numbering import DocumentKind
from lib import sql
from lib.decimals import to_plain_string
from lib.money import round_money


def read_batch(target: SyncTarget, *, after: int, size: int, at: datetime) -> tuple[list[OurRecord], int | None]:
    """
    Return the records of the next rows, and the id of the last row read; None if there are no further rows.

    after: the id of a customer (CRM) or an invoice. size: rows to read at most.
    """
    rows: QuerySet[Any] = _customers(target) if target.kind == SyncKind.HUBSPOT else _invoices(target)
    ids = list(rows.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)[:size])
    if not ids:
        return [], None
    if target.kind == SyncKind.XERO:
        return _invoice_records(target, ids), ids[-1]
    return [*_companies(ids), *_deals(target, Q(customer__in=ids), at=at)], ids[-1]


def read_record(record: SyncRecord, *, at: datetime) -> OurRecord | None:
    """
    Return one record as it is now; None if its row is not, or no longer, one of the target's.

    The seller or the start date may have changed since the row was queued. A record that the target has already is
    kept equal all the same, so that its invoice is voided there, too.
    """
    target, id_ = record.target, record.row_id
    if not record.remote_id and not _is_of_target(record):
        return None
    match record.kind:
        case RecordKind.COMPANY:
            records: Iterable[OurRecord] = _companies([id_])
        case RecordKind.DEAL:
            records = _deals(target, Q(pk=id_), at=at)
        case _:
            records = _invoice_records(target, [id_])
    return next(iter(records), None)


def _is_of_target(record: SyncRecord) -> bool:
    """Return whether a search for changes would queue the row now; a deal's own query says so."""
    match record.kind:
        case RecordKind.COMPANY:
            return _customers(record.target).filter(pk=record.row_id).exists()
        case RecordKind.INVOICE:
            return _invoices(record.target).filter(pk=record.row_id).exists()
    return True


def _customers(target: SyncTarget) -> QuerySet[Customer]:
    """Return the customers of the seller, and those that have a subscription with it."""
    own = Subscription.objects.filter(customer=OuterRef("pk"), seller=target.seller_id)
    return Customer.objects.filter(Q(seller=target.seller_id) | Exists(own), sandbox=False)


def _companies(ids: Sequence[int]) -> list[OurRecord]:
    return [
        OurRecord(
            RecordKind.COMPANY,
            customer.pk,
            str(customer.pk),
            as_properties(
                name=customer.legal_name,
                address=customer.address_line1,
                zip=customer.postal_code,
                city=customer.city,
                state=customer.region,
                country=customer.country,
                tollbook_customer=customer.external_id,
            ),
        )
        for customer in Customer.objects.filter(pk__in=ids).order_by("pk")
    ]


def _deals(target: SyncTarget, condition: Q, *, at: datetime) -> list[OurRecord]:
    subscriptions = list(
        Subscription.objects.filter(condition, seller=target.seller_id, sandbox=False)
        .exclude(state=SubscriptionState.DRAFT)
        .select_related("customer", "version__plan")
        .order_by("pk")
    )
    customer_ids = {subscription.customer_id for subscription in subscriptions}
    companies = SyncRecord.objects.filter(target=target, kind=RecordKind.COMPANY, row_id__in=customer_ids)
    company_ids = dict(companies.values_list("row_id", "remote_id"))
    values = _monthly_values(target, customer_ids, at=at)
    return [
        OurRecord(
            RecordKind.DEAL,
            subscription.pk,
            str(subscription.pk),
            as_properties(
                dealname=f"{subscription.customer.legal_name}: {subscription.version.plan.name}",
                pipeline="default",
                dealstage="closedlost" if subscription.state == SubscriptionState.ENDED else "closedwon",
                closedate=f"{subscription.starts_at:%Y-%m-%d}",
                amount=to_plain_string(
                    round_money(values.get(subscription.pk, Decimal(0)), str(subscription.currency))
                ),
                deal_currency_code=subscription.currency,
                tollbook_state=subscription.state,
            ),
            parent_id=company_ids.get(subscription.customer_id, ""),
        )
        for subscription in subscriptions
    ]


def _monthly_values(target: SyncTarget, customer_ids: Iterable[int], *, at: datetime) -> dict[int, Decimal]:
    """Return the committed recurring revenue a month of subscriptions, by id."""
    ids = sorted(customer_ids)
    if not ids:
        return {}
    parameters = live_parameters(target.seller, [at], customers=(ids[0], ids[-1]))
    return dict(sql.fetch_rows(SUBSCRIPTION_VALUES, parameters))


def _invoices(target: SyncTarget) -> QuerySet[Invoice]:
    invoices = Invoice.objects.filter(seller=target.seller_id, kind=DocumentKind.INVOICE, sandbox=False)
    invoices = invoices.exclude(state=InvoiceState.DRAFT)
    return invoices if target.since is None else invoices.filter(issue_date__gte=target.since)


def _invoice_records(target: SyncTarget, ids: Sequence[int]) -> list[OurRecord]:
    lines: dict[int, list[Line]] = {}
    for line in Line.objects.filter(invoice__in=ids).order_by("invoice", "position"):
        lines.setdefault(line.invoice_id, []).append(line)
    invoices = Invoice.objects.filter(pk__in=ids).order_by("pk")
    return [_invoice_record(target, invoice, lines.get(invoice.pk, [])) for invoice in invoices]


def _invoice_record(target: SyncTarget, invoice: Invoice, lines: Sequence[Line]) -> OurRecord:
    is_void = invoice.state == InvoiceState.VOID
    currency = str(invoice.currency)
    # The target would round the tax of each line; ours is rounded once for each rate, so we send each line's share.
    taxes = split_tax(invoice.tax.amount, [_exact_tax(line, invoice) for line in lines], currency)
    content = {
        "Contact": {"ContactNumber": str(invoice.customer_id), "Name": invoice.buyer_facts["legal_name"]},
        "Date": f"{invoice.issue_date:%Y-%m-%d}",
        "DueDate": f"{invoice.due_date:%Y-%m-%d}",
        "CurrencyCode": currency,
        "Reference": invoice.purchase_order,
        "LineAmountTypes": "Inclusive" if invoice.includes_tax else "Exclusive",
        "LineItems": [
            {
                "Description": line.description,
                "Quantity": 1,
                "UnitAmount": line.amount.amount,
                "TaxAmount": tax,
                "AccountCode": target.account_code,
            }
            for line, tax in zip(lines, taxes, strict=True)
        ],
        "Status": "VOIDED" if is_void else "AUTHORISED",
    }
    return OurRecord(RecordKind.INVOICE, invoice.pk, str(invoice.number), content, is_obsolete=is_void)


def _exact_tax(line: Line, invoice: Invoice) -> Fraction:
    rate, amount = Fraction(line.tax_rate), Fraction(line.amount.amount)
    return amount * rate / (100 + rate if invoice.includes_tax else 100)
