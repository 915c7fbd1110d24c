"""Credit an invoice by hand: whole, or some of its lines."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.contrib.auth.models import AbstractBaseUser

from invoices.credit_notes.creditable_lines import Creditable, CreditableLine, read_creditable
from invoices.credit_notes.draft import Credit, credit_note
from invoices.documents.drafts import Draft
from invoices.documents.issue import issue, write_lines
from invoices.models import Invoice
from invoices.models.invoices import CreditTo
from invoices.models.payment_attempts import AttemptState
from lib.audit_log import change
from lib.formats import money
from lib.money import minor_unit

MOST_REASON = 300


class CannotCredit(ValueError):
    """Something cannot be credited; the text says what, and what can. field: where in the request it stands."""

    def __init__(self, text: str, *, field: str = "") -> None:
        super().__init__(text)
        self.field = field


@dataclass(frozen=True, slots=True)
class Taken:
    """What is taken back of the line at a position: an amount of its sign, or all that is left of it (None)."""

    position: int
    amount: Decimal | None = None


def credit(
    *,
    invoice_id: int,
    lines: Sequence[Taken] | None,
    reason: str,
    to: str,
    at: datetime,
    by: AbstractBaseUser | None = None,
    credited_before: Decimal | None = None,
) -> Invoice:
    """
    Issue a credit note, and return it.

    lines: what is taken back of which; None for all that is left of the invoice.
    to: where the money goes: "balance", "refund" or "offset".
    credited_before: what the caller took to be credited of the invoice until now.

    :raises CannotCredit: if there is not so much left, a line is not there, no reason is given, money of it is being
        taken, or somebody else has credited some of it since the caller looked.
    """
    _check(reason, to)
    with change("credit invoice", by=by, at=at, invoice=invoice_id):
        of = _creditable(invoice_id, lock=True)
        nothing_is_being_taken(of.invoice)
        if credited_before is not None and credited_before != of.invoice.credited:
            raise CannotCredit("Some of this invoice was credited meanwhile: look at what is left of it.")
        draft = _draft(of, lines, reason=reason.strip(), to=to)
        write_lines([draft])
        issue([draft], at=max(at, of.invoice.issued_at or at))
        return Invoice.objects.get(pk=draft.id)


def preview(*, invoice_id: int, lines: Sequence[Taken] | None, reason: str = "", to: str = "balance") -> Draft:
    """
    Return the credit note that `credit` would issue now, unsaved.

    :raises CannotCredit: as `credit` does, though a reason may still be missing.
    """
    return _draft(_creditable(invoice_id), lines, reason=reason, to=to)


def _check(reason: str, to: str) -> None:
    if not reason.strip():
        raise CannotCredit("Say why: the reason is printed on the credit note.", field="reason")
    if len(reason.strip()) > MOST_REASON:
        raise CannotCredit(f"The reason has more than {MOST_REASON} characters.", field="reason")
    if to not in CreditTo.values:
        raise CannotCredit(f"“{to}” is not where money can go: {', '.join(CreditTo.values)}.", field="to")


def _creditable(invoice_id: int, *, lock: bool = False) -> Creditable:
    found = read_creditable([invoice_id], lock=lock)
    if invoice_id not in found:
        raise CannotCredit("Only an invoice that is issued can be credited.", field="invoice")
    return found[invoice_id]


def nothing_is_being_taken(invoice: Invoice) -> None:
    """
    Let nobody pay for what is taken back meanwhile; the caller holds the invoice, as who begins a charge does.

    :raises CannotCredit: if money of it is under way.
    """
    charge = invoice.charges.filter(state=AttemptState.PENDING).first()
    if charge is not None:
        way_out = (
            "close the page that it is paid on" if charge.payment_method_id is None else "wait for what comes of it"
        )
        since = f"{charge.created_at:%Y-%m-%d %H:%M %Z}"
        raise CannotCredit(f"{charge.money} of {invoice} is being taken since {since}: {way_out}.", field="invoice")


def _draft(of: Creditable, lines: Sequence[Taken] | None, *, reason: str, to: str) -> Draft:
    credits = _chosen(of, lines) if lines is not None else [Credit(one, one.left) for one in of.lines if one.left]
    if not credits:
        raise CannotCredit(f"Nothing is left of {of.invoice} to credit.", field="invoice")
    draft = credit_note(of, credits, reason=reason, to=to)
    _check_total(of, draft)
    return draft


def _chosen(of: Creditable, lines: Sequence[Taken]) -> list[Credit]:
    known = {line.position: line for line in of.lines}
    chosen: dict[int, Credit] = {}
    for place, taken in enumerate(lines):
        field = f"lines.{place}"
        if taken.position not in known:
            raise CannotCredit(f"{of.invoice} has no line {taken.position}.", field=f"{field}.position")
        if taken.position in chosen:
            raise CannotCredit(f"Line {taken.position} is named twice.", field=f"{field}.position")
        chosen[taken.position] = _credit(known[taken.position], taken.amount, of, field=f"{field}.amount")
    return list(chosen.values())


def _credit(line: CreditableLine, amount: Decimal | None, of: Creditable, *, field: str) -> Credit:
    currency = str(of.invoice.currency)
    amount = line.left if amount is None else amount
    if not amount.is_finite() or not amount or not min(line.left, 0) <= amount <= max(line.left, 0):
        left = money(line.left, currency)
        raise CannotCredit(f"Of line {line.position} ({line.description}) {left} is left to credit.", field=field)
    if amount % minor_unit(currency):
        raise CannotCredit(f"{amount} is no amount in {currency}.", field=field)
    return Credit(line, amount)


def _check_total(of: Creditable, draft: Draft) -> None:
    """Refuse a note below nothing, or above what is left: where some of an invoice's lines give something back."""
    total, left, currency = draft.totals.total, of.invoice.left, draft.currency
    if not 0 <= total <= left:
        raise CannotCredit(
            f"These lines come to {money(total, currency)}, and {money(left, currency)} is left of {of.invoice}:"
            " credit the lines that gave something back along with them.",
            field="lines",
        )
