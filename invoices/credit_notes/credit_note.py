"""Credit an invoice by hand: all of it, or some of its lines."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.contrib.auth.models import User

from invoices.credit_notes.creditable_lines import CreditableInvoice, CreditableLine, read_creditable_invoices
from invoices.credit_notes.draft import LineCredit, draft_credit_note
from invoices.documents.drafts import Draft
from invoices.documents.issue import issue, write_lines
from invoices.models import Invoice
from invoices.models.invoices import CreditTo
from invoices.models.payment_attempts import AttemptState
from lib.audit_log import audited_transaction
from lib.formats import format_money
from lib.money import minor_unit

# The size of the column.
MAX_REASON = 300


class CreditRefused(ValueError):
    """A credit is not possible; the text says why, and which is. field: the field of the request at fault."""

    def __init__(self, text: str, *, field: str = "") -> None:
        super().__init__(text)
        self.field = field


@dataclass(frozen=True, slots=True)
class RequestedCredit:
    """The amount to credit of the line at a position, with the line's sign; None for all that is left of it."""

    position: int
    amount: Decimal | None = None


def issue_credit_note(
    *,
    invoice_id: int,
    lines: Sequence[RequestedCredit] | None,
    reason: str,
    to: str,
    at: datetime,
    by: User | None = None,
    credited_before: Decimal | None = None,
) -> Invoice:
    """
    Issue a credit note, and return it.

    lines: the amounts to credit by line; None for all that is left of the invoice.
    to: where the money goes: "balance", "refund" or "offset".
    credited_before: the credited amount that the caller has seen; a different current amount is refused.

    :raises CreditRefused: if less is left, a line does not exist, no reason is given, a payment is pending, or the
        invoice was credited since the caller looked.
    """
    _check_request(reason, to)
    with audited_transaction("credit invoice", by=by, at=at, invoice=invoice_id):
        creditable = _read_creditable_invoice(invoice_id, lock=True)
        refuse_pending_payment(creditable.invoice)
        if credited_before is not None and credited_before != creditable.invoice.credited:
            raise CreditRefused("Some of this invoice was credited meanwhile: look at what is left of it.")
        draft = _build_draft(creditable, lines, reason=reason.strip(), to=to)
        write_lines([draft])
        # Not before the original: this worker's clock may be behind the one that issued it.
        issue([draft], at=max(at, creditable.invoice.issued_at or at))
        return Invoice.objects.get(pk=draft.id)


def preview_credit_note(
    *, invoice_id: int, lines: Sequence[RequestedCredit] | None, reason: str = "", to: str = "balance"
) -> Draft:
    """
    Return the credit note that `issue_credit_note` would issue now, unsaved.

    :raises CreditRefused: as `issue_credit_note` does, though the reason may still be missing.
    """
    return _build_draft(_read_creditable_invoice(invoice_id), lines, reason=reason, to=to)


def _check_request(reason: str, to: str) -> None:
    if not reason.strip():
        raise CreditRefused("Say why: the reason is printed on the credit note.", field="reason")
    if len(reason.strip()) > MAX_REASON:
        raise CreditRefused(f"The reason has more than {MAX_REASON} characters.", field="reason")
    if to not in CreditTo.values:
        raise CreditRefused(f"“{to}” is not where money can go: {', '.join(CreditTo.values)}.", field="to")


def _read_creditable_invoice(invoice_id: int, *, lock: bool = False) -> CreditableInvoice:
    creditable_invoices = read_creditable_invoices([invoice_id], lock=lock)
    if invoice_id not in creditable_invoices:
        raise CreditRefused("Only an invoice that is issued can be credited.", field="invoice")
    return creditable_invoices[invoice_id]


def refuse_pending_payment(invoice: Invoice) -> None:
    """
    Refuse to credit an invoice while a payment is pending; the caller holds the lock that starting a payment takes
    too.

    :raises CreditRefused: if a payment attempt is pending.
    """
    attempt = invoice.charges.filter(state=AttemptState.PENDING).first()
    if attempt is not None:
        remedy = (
            "close the page that it is paid on" if attempt.payment_method_id is None else "wait for what comes of it"
        )
        since = f"{attempt.created_at:%Y-%m-%d %H:%M %Z}"
        raise CreditRefused(f"{attempt.money} of {invoice} is being taken since {since}: {remedy}.", field="invoice")


def _build_draft(
    creditable: CreditableInvoice, lines: Sequence[RequestedCredit] | None, *, reason: str, to: str
) -> Draft:
    credits = (
        _line_credits(creditable, lines)
        if lines is not None
        else [LineCredit(line, line.left) for line in creditable.lines if line.left]
    )
    if not credits:
        raise CreditRefused(f"Nothing is left of {creditable.invoice} to credit.", field="invoice")
    draft = draft_credit_note(creditable, credits, reason=reason, to=to)
    _check_total(creditable, draft)
    return draft


def _line_credits(creditable: CreditableInvoice, requested_credits: Sequence[RequestedCredit]) -> list[LineCredit]:
    lines_by_position = {line.position: line for line in creditable.lines}
    credits_by_position: dict[int, LineCredit] = {}
    for index, requested in enumerate(requested_credits):
        field = f"lines.{index}"
        if requested.position not in lines_by_position:
            raise CreditRefused(f"{creditable.invoice} has no line {requested.position}.", field=f"{field}.position")
        if requested.position in credits_by_position:
            raise CreditRefused(f"Line {requested.position} is named twice.", field=f"{field}.position")
        credits_by_position[requested.position] = _line_credit(
            lines_by_position[requested.position], requested.amount, creditable, field=f"{field}.amount"
        )
    return list(credits_by_position.values())


def _line_credit(
    line: CreditableLine, amount: Decimal | None, creditable: CreditableInvoice, *, field: str
) -> LineCredit:
    currency = str(creditable.invoice.currency)
    amount = line.left if amount is None else amount
    # Both bounds have the sign of the line: an amount left may be below zero.
    if not amount.is_finite() or not amount or not min(line.left, Decimal(0)) <= amount <= max(line.left, Decimal(0)):
        left = format_money(line.left, currency)
        raise CreditRefused(f"Of line {line.position} ({line.description}) {left} is left to credit.", field=field)
    if amount % minor_unit(currency):
        raise CreditRefused(f"{amount} is no amount in {currency}.", field=field)
    return LineCredit(line, amount)


def _check_total(creditable: CreditableInvoice, draft: Draft) -> None:
    """Refuse a credit note below zero or above the amount left, possible where an invoice has lines below zero."""
    total, left, currency = draft.totals.total, creditable.invoice.left, draft.currency
    if not 0 <= total <= left:
        raise CreditRefused(
            f"These lines come to {format_money(total, currency)}, and {format_money(left, currency)} is left of "
            f"{creditable.invoice}:"
            " credit the lines that gave something back along with them.",
            field="lines",
        )
