"""
Create one-off invoices: draft, edit, preview, issue.

A draft is stored, so that several people can work on it. Its lines stay current: both parties' details and the taxes
are looked up again at each preview, edit and issue. docs/invoices.md#one-off-invoices.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
from django.contrib.auth.models import User
from django.utils.translation import gettext as _
from djmoney.money import Money

from customers.models import Customer, Seller
from invoices.documents.drafts import Draft
from invoices.documents.issue import issue, next_ids, write_lines
from invoices.documents.locked_months import MonthLocked
from invoices.documents.seller_terms import read_sellers
from invoices.models import DocumentKind, Invoice
from invoices.models.invoices import InvoiceState
from invoices.one_off_invoices.one_off_lines import (
    OneOffInvoiceRefused,
    OneOffLine,
    check_lines,
    draft_line,
    in_groups,
    one_off_line,
)
from invoices.tax.buyer_details import buyer_of
from lib.audit_log import audited_transaction
from lib.currencies import MINOR_UNITS
from lib.formats import format_money

# Days, then characters: the size of the purchase order's column, and a note of about one printed page.
MAX_NET_DAYS, MAX_PURCHASE_ORDER, MAX_NOTE = 365, 80, 4_000
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class OneOffRequest:
    """
    The requested content of a one-off invoice.

    seller: None for the customer's. includes_tax: whether the prices include tax. purchase_order, net_days: None for
        the customer's.
    """

    lines: Sequence[OneOffLine] = field(default_factory=tuple)
    currency: str = ""
    seller: Seller | None = None
    purchase_order: str | None = None
    note: str = ""
    net_days: int | None = None
    includes_tax: bool = False


def draft_invoice(*, customer: Customer, request: OneOffRequest, at: datetime, by: User | None = None) -> Invoice:
    """
    Store a draft invoice for a customer, and return it. It has no number, is not due, and may still change.

    :raises OneOffInvoiceRefused: if a line, the currency or the terms are not valid on an invoice.
    """
    with audited_transaction("draft invoice", by=by, at=at, customer=customer.pk):
        (invoice_id,) = next_ids("invoices_invoice_id_seq", 1)
        draft = _build_draft(invoice_id, customer, request, at=at)
        write_lines([draft])
        return Invoice.objects.create(pk=invoice_id, **_invoice_columns(draft), created_at=at)


def edit_draft(*, invoice_id: int, request: OneOffRequest, at: datetime, by: User | None = None) -> Invoice:
    """
    Replace the content of a draft, and return it.

    :raises OneOffInvoiceRefused: as `draft_invoice` does, or if it is no longer a draft.
    """
    with audited_transaction("edit draft invoice", by=by, at=at, invoice=invoice_id):
        invoice = _lock_draft(invoice_id)
        draft = _build_draft(invoice_id, invoice.customer, request, at=at)
        write_lines([draft])
        Invoice.objects.filter(pk=invoice_id).update(**_invoice_columns(draft))
        return Invoice.objects.get(pk=invoice_id)


def issue_draft(*, invoice_id: int, at: datetime, by: User | None = None) -> Invoice:
    """
    Number a draft and issue it with current details and taxes; an invoice issued before is returned unchanged.

    :raises OneOffInvoiceRefused: if it has no lines, or is zero and its seller skips such invoices.
    """
    with audited_transaction("issue invoice", by=by, at=at, invoice=invoice_id):
        # Row lock: two requests to issue a draft happen one after the other, and the second one finds it issued.
        issued = Invoice.objects.select_for_update().filter(pk=invoice_id, reference=f"claim:{invoice_id}").first()
        if issued is not None and issued.state != InvoiceState.DRAFT:
            return issued
        invoice = _lock_draft(invoice_id)
        draft = _build_draft(invoice_id, invoice.customer, request_from_draft(invoice), at=at)
        if not draft.lines:
            raise OneOffInvoiceRefused(_("The draft has no lines. Add at least one."), field="lines")
        if draft.is_zero and not read_sellers([draft.seller_id])[draft.seller_id].issues_zero_invoices:
            text = _("The total is zero, and the seller doesn't issue invoices with a total of zero.")
            raise OneOffInvoiceRefused(text, field="lines")
        write_lines([draft])
        try:
            issue([draft], at=at)
        except MonthLocked as locked:
            raise OneOffInvoiceRefused(str(locked)) from locked
        return Invoice.objects.get(pk=invoice_id)


def discard_draft(*, invoice_id: int, at: datetime, by: User | None = None) -> None:
    """
    Delete a draft.

    :raises OneOffInvoiceRefused: if it is no longer a draft.
    """
    with audited_transaction("discard draft invoice", by=by, at=at, invoice=invoice_id):
        invoice = _lock_draft(invoice_id)
        invoice.lines.all().delete()
        invoice.taxes.all().delete()
        invoice.delete()


def preview_invoice(*, customer: Customer, request: OneOffRequest, at: datetime) -> Draft:
    """
    Return the draft that `draft_invoice` and `issue_draft` would write for this request now, unsaved.

    :raises OneOffInvoiceRefused: as they do.
    """
    return _build_draft(0, customer, request, at=at)


def request_from_draft(invoice: Invoice) -> OneOffRequest:
    """Return the request that a stored draft was made from."""
    zone = ZoneInfo(invoice.customer.time_zone)
    names = ("description", "service_start", "service_end", "quantity", "unit", "explanation")
    return OneOffRequest(
        lines=[one_off_line(line, zone) for line in invoice.lines.order_by("position").values(*names)],
        currency=str(invoice.currency),
        seller=invoice.seller,
        purchase_order=invoice.purchase_order,
        note=invoice.note,
        net_days=invoice.net_days,
        includes_tax=invoice.includes_tax,
    )


def _lock_draft(invoice_id: int) -> Invoice:
    """Return a one-off draft, locked until the end of the transaction."""
    drafts = Invoice.objects.filter(
        kind=DocumentKind.INVOICE, state=InvoiceState.DRAFT, reference__startswith="claim:"
    )
    # Row lock: an edit and the issue of a draft happen one after the other.
    invoice = (
        drafts.select_for_update(of=("self",)).select_related("customer", "seller").filter(pk=invoice_id).first()
    )
    if invoice is None:
        raise OneOffInvoiceRefused(_("Only a draft can be changed. Correct an issued invoice by a credit note."))
    return invoice


def _build_draft(invoice_id: int, customer: Customer, request: OneOffRequest, *, at: datetime) -> Draft:
    seller_id = customer.seller_id if request.seller is None else request.seller.pk
    seller, buyer = read_sellers([seller_id])[seller_id], buyer_of(customer, seller_id=seller_id)
    currency = request.currency or str(customer.currency)
    _check_request(request, currency)
    lines = [draft_line(line, buyer=buyer, seller=seller, currency=currency) for line in in_groups(request.lines)]
    draft = Draft(
        id=invoice_id,
        # Stored as a draft already, so issuing updates its row and its lines replace the stored ones.
        is_stored=True,
        reference=f"claim:{invoice_id}",
        seller_id=seller.id,
        customer_id=customer.pk,
        sandbox=customer.sandbox,
        currency=currency,
        period_start=min((line.service_start for line in lines), default=at),
        period_end=max((line.service_end for line in lines), default=at + _TICK),
        seller_facts=seller.facts,
        buyer_facts=buyer.facts,
        seller_zone=seller.zone_name,
        net_days=seller.net_days_for(buyer) if request.net_days is None else request.net_days,
        own_net_days=request.net_days,
        includes_tax=request.includes_tax,
        purchase_order=customer.purchase_order if request.purchase_order is None else request.purchase_order,
        note=request.note,
        lines=lines,
    )
    draft.total_up()
    if draft.totals.total < 0:
        text = _("The total is %(amount)s. It can't be negative; to return money, credit an issued invoice.")
        raise OneOffInvoiceRefused(text % {"amount": format_money(draft.totals.total, currency)}, field="lines")
    return draft


def _check_request(request: OneOffRequest, currency: str) -> None:
    if currency not in MINOR_UNITS:
        text = _("“%(code)s” is not a currency. Enter a code of three letters, such as EUR.")
        raise OneOffInvoiceRefused(text % {"code": currency}, field="currency")
    if request.net_days is not None and not 0 <= request.net_days <= MAX_NET_DAYS:
        text = _("Enter payment terms of 0 to %(most)s days.")
        raise OneOffInvoiceRefused(text % {"most": MAX_NET_DAYS}, field="net_days")
    for name, text, most in (
        ("purchase_order", request.purchase_order or "", MAX_PURCHASE_ORDER),
        ("note", request.note, MAX_NOTE),
    ):
        if len(text) > most:
            raise OneOffInvoiceRefused(_("Enter up to %(most)s characters.") % {"most": most}, field=name)
    check_lines(request.lines, currency)


def _invoice_columns(draft: Draft) -> dict[str, object]:
    """Return the column values of a draft's row."""
    amounts = {name: Money(getattr(draft.totals, name), draft.currency) for name in ("net", "tax", "total")}
    facts = {"seller_facts": draft.seller_facts, "buyer_facts": draft.buyer_facts}
    copied_names = (
        *("reference", "seller_id", "customer_id", "sandbox", "currency", "period_start", "period_end"),
        *("includes_tax", "purchase_order", "note"),
    )
    return {
        **{name: getattr(draft, name) for name in copied_names},
        **amounts,
        **{name: msgspec.json.decode(encoded_facts) for name, encoded_facts in facts.items()},
        "net_days": draft.own_net_days,
    }
