"""
The receipt of a payment: docs/payments.md#receipts. It is composed when it is read, because refunds may follow.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC
from decimal import Decimal
from typing import Protocol
from zoneinfo import ZoneInfo

from babel import Locale
from django.db.models import QuerySet, Sum
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _

from invoices.models import BalanceEntry, Invoice, Payment, Refund
from invoices.models.balances import BalanceKind
from invoices.models.payment_attempts import AttemptState
from invoices.models.payments import PaymentChannel
from invoices.payments.manual_payments import overpayment_references
from invoices.rendering.facts_reader import branding
from invoices.rendering.formats import Figures
from invoices.rendering.invoice_facts import PartyDetails
from invoices.rendering.page_content import DEFAULT_COLOR, HEX_COLOR, page_label, picture_address
from invoices.rendering.parties import LETTER_PAPER, PartyText, party_text
from invoices.rendering.pdf_engine import MissingGlyphs, typeset
from invoices.rendering.pdf_file import CONTROLS, MissingFont
from lib.locales import document_locale

TEMPLATE = "invoices/receipt.html"
RECEIVED = (PaymentChannel.MANUAL, PaymentChannel.STRIPE, PaymentChannel.SANDBOX)
"""How money arrives. Payments from a wallet or a balance use money that arrived before, and have no receipt."""


@dataclass(frozen=True, slots=True)
class ReceiptRow:
    """An amount of a receipt. is_sum: whether it sums the ones above."""

    text: str
    amount: str
    note: str = ""
    is_sum: bool = False


@dataclass(frozen=True, slots=True)
class Receipt:
    """The texts of a receipt. meta: (name, value) pairs below the heading. logo: as a data URI."""

    language: str
    paper: str
    color: str
    logo: str
    created: str
    number: str
    heading: str
    title: str
    mark: str
    seller: PartyText
    buyer: PartyText
    meta: tuple[tuple[str, str], ...]
    headline: str
    rows: tuple[ReceiptRow, ...]
    page: tuple[str, ...]


def with_receipt(payments: QuerySet[Payment]) -> QuerySet[Payment]:
    """Return the payments that have a receipt: money received, even if it was returned later."""
    return payments.filter(method__in=RECEIVED, reverses__isnull=True).select_related(
        "invoice__seller", "attempt__payment_method", "reversal"
    )


def receipt_number(payment: Payment) -> str:
    """Return the number of a payment's receipt: that of its invoice, and the payment's place among its receipts."""
    place = with_receipt(payment.invoice.payments.all()).filter(pk__lte=payment.pk).count()
    return f"{payment.invoice.number}-R{place}"


def method_text(payment: Payment) -> str:
    """Return how a payment was made, such as “Visa 4242”."""
    if payment.attempt is None:
        return _("Bank transfer")
    method = payment.attempt.payment_method
    return method.label if method is not None else _("Online payment")


def compose_receipt(payment: Payment, *, locale: Locale | None = None) -> Receipt:
    """Return the texts of a payment's receipt. locale: by default that of the invoice."""
    buyer_facts = payment.invoice.buyer_facts
    locale = locale or document_locale(str(buyer_facts.get("locale") or ""))
    with translation.override(locale.language):
        zone = ZoneInfo(str(buyer_facts.get("time_zone") or "UTC"))
        return _compose(payment, Figures(locale, str(payment.currency), zone))


def render_receipt(payment: Payment) -> bytes:
    """
    Return a payment's receipt as a PDF in the invoice's language, typeset as invoices are.

    :raises MissingFont: if a text of it can't be printed.
    """
    return typeset_page(TEMPLATE, compose_receipt(payment))


class PageText(Protocol):
    """The texts of `invoices/frame.html`; language: their own, such as de-AT."""

    @property
    def language(self) -> str: ...


def typeset_page(template: str, document: PageText) -> bytes:
    """
    Return a document as a PDF, in its own language.

    :raises MissingFont: if a text of it can't be printed.
    """
    with translation.override(document.language):
        html = render_to_string(template, {"document": document}).translate(CONTROLS)
    try:
        return typeset(html)
    except MissingGlyphs as error:
        text = _("No font has the characters “%(characters)s”. Install a font that does.")
        raise MissingFont(text % {"characters": error.characters[:20]}) from error


def _compose(payment: Payment, figures: Figures) -> Receipt:
    invoice, number = payment.invoice, receipt_number(payment)
    seller, buyer = PartyDetails.of(invoice.seller_facts), PartyDetails.of(invoice.buyer_facts)
    look, color = branding(invoice.seller_facts), str(invoice.seller_facts.get("brand_color") or "")
    overpayment = _overpayment(payment)
    received = payment.amount + overpayment
    day = figures.day(payment.paid_at.astimezone(figures.zone).date())
    is_returned = hasattr(payment, "reversal")
    marks = {_("Returned"): is_returned, _("Sandbox"): invoice.sandbox}
    return Receipt(
        language=str(figures.locale).replace("_", "-"),
        paper=look.paper or ("letter" if seller.country in LETTER_PAPER else "a4"),
        color=color if HEX_COLOR.fullmatch(color) else DEFAULT_COLOR,
        logo=picture_address(look.logo),
        created=payment.created_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        number=number,
        heading=_("Receipt"),
        title=_("Receipt %(number)s") % {"number": number},
        mark=" · ".join(mark for mark, applies in marks.items() if applies),
        seller=party_text(seller, figures.locale),
        buyer=party_text(buyer, figures.locale),
        meta=_meta(payment, number, day),
        headline=_("%(amount)s received on %(date)s") % {"amount": figures.money(received), "date": day},
        rows=tuple(_rows(payment, overpayment, figures)),
        page=page_label(),
    )


def _meta(payment: Payment, number: str, day: str) -> tuple[tuple[str, str], ...]:
    # The reference of a collected payment is our own; a transfer's is the bank's.
    reference = "" if payment.attempt else payment.reference
    pairs = (
        (_("Receipt number"), number),
        (_("Invoice number"), str(payment.invoice.number)),
        (_("Date of payment"), day),
        (_("Payment method"), method_text(payment)),
        (_("Reference"), reference),
    )
    return tuple((name, text) for name, text in pairs if text)


def _rows(payment: Payment, overpayment: Decimal, figures: Figures) -> Iterator[ReceiptRow]:
    kept = payment.amount + overpayment
    invoice = payment.invoice
    total = _("Invoice total: %(total)s") % {"total": figures.money(invoice.total.amount)}
    paid = _("Payment for invoice %(number)s") % {"number": invoice.number}
    yield ReceiptRow(paid, figures.money(payment.amount), note=total)
    if overpayment:
        yield ReceiptRow(_("Overpayment, kept on your balance"), figures.money(overpayment))
    if hasattr(payment, "reversal"):
        kept -= payment.amount
        day = figures.day(payment.reversal.paid_at.astimezone(figures.zone).date())
        yield ReceiptRow(_("Payment returned on %(date)s") % {"date": day}, figures.money(-payment.amount))
    for refund in _refunds(payment):
        note = _("Credit note %(number)s") % {"number": refund.note.number} if refund.note else ""
        if refund.state == AttemptState.SUCCEEDED and refund.settled_at:
            kept -= refund.amount
            day = figures.day(refund.settled_at.astimezone(figures.zone).date())
            yield ReceiptRow(_("Refund of %(date)s") % {"date": day}, figures.money(-refund.amount), note=note)
        else:
            yield ReceiptRow(
                _("Refund of %(amount)s in progress") % {"amount": figures.money(refund.amount)}, "", note=note
            )
    yield ReceiptRow(_("Paid after refunds"), figures.money(kept), is_sum=True)


def _overpayment(payment: Payment) -> Decimal:
    """Return the part of a payment that exceeded the amount due and went to the customer's balance."""
    entries = BalanceEntry.objects.filter(
        customer=payment.invoice.customer_id,
        document=payment.invoice_id,
        kind=BalanceKind.OVERPAYMENT,
        reference__in=overpayment_references(payment),
    )
    return entries.aggregate(sum=Sum("amount"))["sum"] or Decimal(0)


def _refunds(payment: Payment) -> QuerySet[Refund]:
    """Return the refunds of a payment: those through its provider, or, of a transfer, the invoice's by hand."""
    refunds = Refund.objects.exclude(state__in=[AttemptState.DECLINED, AttemptState.CANCELED]).select_related("note")
    if payment.attempt_id is not None:
        return refunds.filter(attempt=payment.attempt_id).order_by("pk")
    return refunds.filter(attempt__isnull=True, note__corrects=payment.invoice_id).order_by("pk")


def receipts_of(invoice: Invoice) -> QuerySet[Payment]:
    """Return an invoice's payments that have a receipt, the oldest first."""
    return with_receipt(invoice.payments.all()).order_by("pk")
