"""
Make one-off invoices: draft, edit, preview, issue.

A draft is stored, so that several people can work on it, and its lines are live: both parties' facts and the taxes
are looked up anew whenever it is previewed, edited or issued. docs/invoices.md#one-off.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
from django.contrib.auth.models import AbstractBaseUser
from djmoney.money import Money

from customers.models import Customer
from invoices.documents.buyer_details import buyer_of
from invoices.documents.drafts import Draft
from invoices.documents.issue import issue, next_ids, write_lines
from invoices.documents.month_lock import MonthIsLocked
from invoices.documents.seller_terms import read_sellers
from invoices.models import DocumentKind, Invoice
from invoices.models.invoices import InvoiceState
from invoices.one_off_invoices.one_off_lines import CannotClaim, OneOff, checked, line_of, one_off_of
from lib.audit_log import change
from lib.currencies import MINOR_UNITS
from lib.formats import money

MOST_NET_DAYS, MOST_PURCHASE_ORDER, MOST_NOTE = 365, 80, 4_000
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Asked:
    """
    What a one-off invoice is to say.

    includes_tax: whether the prices include tax. purchase_order, net_days: the customer's where None.
    """

    lines: Sequence[OneOff] = field(default_factory=tuple)
    currency: str = ""
    purchase_order: str | None = None
    note: str = ""
    net_days: int | None = None
    includes_tax: bool = False


def draft_invoice(*, customer: Customer, asked: Asked, at: datetime, by: AbstractBaseUser | None = None) -> Invoice:
    """
    Store a draft of an invoice for a customer, and return it. It has no number, claims nothing yet, and may change.

    :raises CannotClaim: if a line, the currency or the terms cannot stand on a document.
    """
    with change("draft invoice", by=by, at=at, customer=customer.pk):
        (invoice_id,) = next_ids("invoices_invoice_id_seq", 1)
        draft = _draft(invoice_id, customer, asked, at=at)
        write_lines([draft])
        return Invoice.objects.create(pk=invoice_id, **_columns(draft), created_at=at)


def edit_draft(*, invoice_id: int, asked: Asked, at: datetime, by: AbstractBaseUser | None = None) -> Invoice:
    """
    Let a draft say something else, and return it.

    :raises CannotClaim: as `draft_invoice` does, or if it is no draft any more.
    """
    with change("edit draft invoice", by=by, at=at, invoice=invoice_id):
        invoice = _held(invoice_id)
        draft = _draft(invoice_id, invoice.customer, asked, at=at)
        write_lines([draft])
        Invoice.objects.filter(pk=invoice_id).update(**_columns(draft))
        return Invoice.objects.get(pk=invoice_id)


def issue_draft(*, invoice_id: int, at: datetime, by: AbstractBaseUser | None = None) -> Invoice:
    """
    Number a draft and issue it, with the facts and taxes of now; one that was issued already is returned as it is.

    :raises CannotClaim: if it has no lines, or comes to nothing where its seller skips such invoices.
    """
    with change("issue invoice", by=by, at=at, invoice=invoice_id):
        held = Invoice.objects.select_for_update().filter(pk=invoice_id, reference=f"claim:{invoice_id}").first()
        if held is not None and held.state != InvoiceState.DRAFT:
            return held
        invoice = _held(invoice_id)
        draft = _draft(invoice_id, invoice.customer, asked_of(invoice), at=at)
        if not draft.lines:
            raise CannotClaim("It has no lines: say what it is for.", field="lines")
        if draft.is_zero and not read_sellers([draft.seller_id])[draft.seller_id].issues_zero_invoices:
            raise CannotClaim("It claims nothing, and its seller skips such invoices.", field="lines")
        write_lines([draft])
        try:
            issue([draft], at=at)
        except MonthIsLocked as locked:
            raise CannotClaim(str(locked)) from locked
        return Invoice.objects.get(pk=invoice_id)


def discard(*, invoice_id: int, at: datetime, by: AbstractBaseUser | None = None) -> None:
    """
    Remove a draft.

    :raises CannotClaim: if it is no draft any more.
    """
    with change("discard draft invoice", by=by, at=at, invoice=invoice_id):
        invoice = _held(invoice_id)
        invoice.lines.all().delete()
        invoice.taxes.all().delete()
        invoice.delete()


def preview(*, customer: Customer, asked: Asked, at: datetime) -> Draft:
    """
    Return what `draft_invoice` and `issue_draft` would make of this now, unsaved.

    :raises CannotClaim: as they do.
    """
    return _draft(0, customer, asked, at=at)


def asked_of(invoice: Invoice) -> Asked:
    """Return what a draft was asked to say."""
    zone = ZoneInfo(invoice.customer.time_zone)
    names = ("description", "service_start", "service_end", "quantity", "unit", "explanation")
    return Asked(
        lines=[one_off_of(line, zone) for line in invoice.lines.order_by("position").values(*names)],
        currency=str(invoice.currency),
        purchase_order=invoice.purchase_order,
        note=invoice.note,
        net_days=invoice.net_days,
        includes_tax=invoice.includes_tax,
    )


def _held(invoice_id: int) -> Invoice:
    """Return a draft that was made here, locked until the end of the transaction."""
    drafts = Invoice.objects.filter(
        kind=DocumentKind.INVOICE, state=InvoiceState.DRAFT, reference__startswith="claim:"
    )
    invoice = drafts.select_for_update(of=("self",)).select_related("customer").filter(pk=invoice_id).first()
    if invoice is None:
        raise CannotClaim("Only a draft can be changed: what is issued is corrected by a credit note.")
    return invoice


def _draft(invoice_id: int, customer: Customer, asked: Asked, *, at: datetime) -> Draft:
    seller, buyer = read_sellers([customer.seller_id])[customer.seller_id], buyer_of(customer)
    currency = asked.currency or str(customer.currency)
    _check(asked, currency)
    lines = [line_of(line, buyer=buyer, seller=seller, currency=currency) for line in asked.lines]
    draft = Draft(
        id=invoice_id,
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
        net_days=seller.net_days_for(buyer) if asked.net_days is None else asked.net_days,
        own_net_days=asked.net_days,
        includes_tax=asked.includes_tax,
        purchase_order=customer.purchase_order if asked.purchase_order is None else asked.purchase_order,
        note=asked.note,
        lines=lines,
    )
    draft.total_up()
    if draft.totals.total < 0:
        raise CannotClaim(
            f"It comes to {money(draft.totals.total, currency)}: credit what was claimed.", field="lines"
        )
    return draft


def _check(asked: Asked, currency: str) -> None:
    if currency not in MINOR_UNITS:
        raise CannotClaim(f"{currency} is no currency: use a code of three letters, such as EUR.", field="currency")
    if asked.net_days is not None and not 0 <= asked.net_days <= MOST_NET_DAYS:
        raise CannotClaim(f"It is due within 0 to {MOST_NET_DAYS} days.", field="net_days")
    for name, text, most in (
        ("purchase_order", asked.purchase_order or "", MOST_PURCHASE_ORDER),
        ("note", asked.note, MOST_NOTE),
    ):
        if len(text) > most:
            raise CannotClaim(f"This has more than {most} characters.", field=name)
    checked(asked.lines, currency)


def _columns(draft: Draft) -> dict[str, object]:
    """Return what the row of a draft says."""
    amounts = {name: Money(getattr(draft.totals, name), draft.currency) for name in ("net", "tax", "total")}
    facts = {"seller_facts": draft.seller_facts, "buyer_facts": draft.buyer_facts}
    same = ("reference", "seller_id", "customer_id", "sandbox", "currency", "period_start", "period_end")
    same += ("includes_tax", "purchase_order", "note")
    return {
        **{name: getattr(draft, name) for name in same},
        **amounts,
        **{name: msgspec.json.decode(told) for name, told in facts.items()},
        "net_days": draft.own_net_days,
    }
