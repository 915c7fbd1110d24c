"""Credit an invoice by hand: all of it, or some of its lines."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

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
            raise CreditRefused(
                _("The invoice was credited in the meantime. Check the remaining amounts and try again.")
            )
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
        raise CreditRefused(_("Enter a reason. It is printed on the credit note."), field="reason")
    if len(reason.strip()) > MAX_REASON:
        raise CreditRefused(_("Enter a reason of up to %(most)s characters.") % {"most": MAX_REASON}, field="reason")
    if to not in CreditTo.values:
        text = _("“%(value)s” is not a destination. Choose one of %(choices)s.")
        raise CreditRefused(text % {"value": to, "choices": ", ".join(CreditTo.values)}, field="to")


def _read_creditable_invoice(invoice_id: int, *, lock: bool = False) -> CreditableInvoice:
    creditable_invoices = read_creditable_invoices([invoice_id], lock=lock)
    if invoice_id not in creditable_invoices:
        raise CreditRefused(_("Only an issued invoice can be credited."), field="invoice")
    return creditable_invoices[invoice_id]


def refuse_pending_payment(invoice: Invoice) -> None:
    """
    Refuse to credit an invoice while a payment is pending; the caller holds the lock that starting a payment takes
    too.

    :raises CreditRefused: if a payment attempt is pending.
    """
    attempt = invoice.charges.filter(state=AttemptState.PENDING).first()
    if attempt is not None:
        text = (
            _("A payment page for %(amount)s of %(invoice)s is open since %(time)s. Close the page first.")
            if attempt.payment_method_id is None
            else _("A payment of %(amount)s for %(invoice)s is pending since %(time)s. Wait for its outcome.")
        )
        time = f"{attempt.created_at:%Y-%m-%d %H:%M %Z}"
        raise CreditRefused(text % {"amount": attempt.money, "invoice": invoice, "time": time}, field="invoice")


def _build_draft(
    creditable: CreditableInvoice, lines: Sequence[RequestedCredit] | None, *, reason: str, to: str
) -> Draft:
    credits = (
        _line_credits(creditable, lines)
        if lines is not None
        else [LineCredit(line, line.left) for line in creditable.lines if line.left]
    )
    if not credits:
        text = (
            _("%(invoice)s is fully credited.")
            if not creditable.invoice.left
            else _("Enter an amount for at least one line of %(invoice)s.")
        )
        raise CreditRefused(text % {"invoice": creditable.invoice}, field="invoice")
    draft = draft_credit_note(creditable, credits, reason=reason, to=to)
    _check_total(creditable, draft)
    return draft


def _line_credits(creditable: CreditableInvoice, requested_credits: Sequence[RequestedCredit]) -> list[LineCredit]:
    lines_by_position = {line.position: line for line in creditable.lines}
    credits_by_position: dict[int, LineCredit] = {}
    for index, requested in enumerate(requested_credits):
        field = f"lines.{index}"
        if requested.position not in lines_by_position:
            text = _("%(invoice)s has no line %(position)s.")
            values = {"invoice": creditable.invoice, "position": requested.position}
            raise CreditRefused(text % values, field=f"{field}.position")
        if requested.position in credits_by_position:
            text = _("Line %(position)s occurs twice. Combine both amounts.")
            raise CreditRefused(text % {"position": requested.position}, field=f"{field}.position")
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
        text = _("Line %(position)s (%(line)s): you can credit up to %(amount)s.")
        values = {"position": line.position, "line": line.description, "amount": format_money(line.left, currency)}
        raise CreditRefused(text % values, field=field)
    if amount % minor_unit(currency):
        text = _("%(amount)s has too many decimal places for %(currency)s.")
        raise CreditRefused(text % {"amount": amount, "currency": currency}, field=field)
    return LineCredit(line, amount)


def _check_total(creditable: CreditableInvoice, draft: Draft) -> None:
    """Refuse a credit note below zero or above the amount left, possible where an invoice has lines below zero."""
    total, left, currency = draft.totals.total, creditable.invoice.left, draft.currency
    if not 0 <= total <= left:
        text = _(
            "These lines add up to %(total)s, but the remaining amount of %(invoice)s is %(left)s. Include the lines"
            " with negative amounts."
        )
        values = {"total": format_money(total, currency), "left": format_money(left, currency)}
        raise CreditRefused(text % {**values, "invoice": creditable.invoice}, field="lines")
