"""Book a bank line to invoices, undo it, or ignore the line."""

from collections.abc import Sequence
from datetime import datetime, time
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from invoices.models import BalanceEntry, BankBooking, BankLine, DocumentKind, Invoice
from invoices.models.bank_statements import BankLineState
from invoices.models.invoices import InvoiceState
from invoices.models.payments import PaymentChannel
from invoices.payments.attempts.settlement import reverse_payment
from invoices.payments.manual_payments import PAYABLE, credit_overpayment, overpayment_references, record_payment
from lib.audit_log import audited_transaction
from lib.decimals import exact_sum
from lib.failpoints import hit_failpoint
from lib.formats import format_money
from lib.money import minor_unit

MAX_LINE_REASON = 300
MAX_SHARES = 50
"""Invoices that one line may be split over."""
WITHOUT_PAYMENT = (InvoiceState.DRAFT, InvoiceState.VOID)


class BankLineRefused(Exception):
    """A bank line can't be booked, undone or ignored like that; the text says why. field: the field at fault."""

    def __init__(self, text: str, *, field: str = "") -> None:
        super().__init__(text)
        self.field = field


class InvoiceShare(NamedTuple):
    """The part of a line for one invoice; what exceeds the amount due goes to the customer balance."""

    invoice_id: int
    amount: Decimal


def lock_line(line_id: int) -> BankLine:
    """Return a line that nobody else books, undoes or ignores until the end of the transaction."""
    lines = BankLine.objects.select_for_update(no_key=True, of=("self",))
    return lines.select_related("account__seller").get(pk=line_id)


def lock_share_invoices(line: BankLine, shares: Sequence[InvoiceShare]) -> list[Invoice]:
    """
    Lock and return the invoices of the shares, in the shares' order.

    :raises BankLineRefused: if the line is not to be booked, or the shares don't fit it or each other.
    """
    if line.state not in (BankLineState.NEW, BankLineState.REVIEW):
        raise BankLineRefused(_("The line is not for review. Its state: %(state)s.") % {"state": _state(line)})
    invoice_ids = [share.invoice_id for share in shares]
    if not 1 <= len(set(invoice_ids)) == len(shares) <= MAX_SHARES:
        text = _("Choose 1 to %(most)s different invoices.")
        raise BankLineRefused(text % {"most": MAX_SHARES}, field="invoices")
    # In the order of their ids: two lines for the same invoices follow each other.
    locked = Invoice.objects.select_for_update(no_key=True).filter(pk__in=invoice_ids).order_by("pk")
    by_id = {invoice.pk: invoice for invoice in locked}
    invoices = [by_id[invoice_id] for invoice_id in invoice_ids if invoice_id in by_id]
    if len(invoices) < len(shares) or any(
        invoice.seller_id != line.account.seller_id
        or invoice.sandbox
        or invoice.kind != DocumentKind.INVOICE
        or invoice.state in WITHOUT_PAYMENT
        for invoice in invoices
    ):
        text = _("Choose issued invoices of %(seller)s.")
        raise BankLineRefused(text % {"seller": line.account.seller}, field="invoices")
    if any(str(invoice.currency) != str(line.currency) for invoice in invoices):
        text = _("The line is in %(currency)s; choose invoices in that currency.")
        raise BankLineRefused(text % {"currency": line.currency}, field="invoices")
    if len({invoice.customer_id for invoice in invoices}) > 1:
        raise BankLineRefused(_("Choose invoices of one customer."), field="invoices")
    _check_amounts(line, shares)
    return invoices


def _check_amounts(line: BankLine, shares: Sequence[InvoiceShare]) -> None:
    currency = str(line.currency)
    for share in shares:
        if not share.amount.is_finite() or share.amount <= 0 or share.amount % minor_unit(currency):
            raise BankLineRefused(_("Enter amounts above zero in whole units of the currency."), field="invoices")
    total = exact_sum(share.amount for share in shares)
    if total != line.amount:
        names = {"total": format_money(total, currency), "amount": format_money(line.amount, currency)}
        text = _("The parts sum to %(total)s, but the line is of %(amount)s.")
        raise BankLineRefused(text % names, field="invoices")


def book_line(
    *, line_id: int, shares: Sequence[InvoiceShare], reason: str, at: datetime, by: User | None
) -> BankLine:
    """
    Book a whole line in one transaction: each share pays its invoice, and its rest goes to the customer balance.

    :raises BankLineRefused: if the line is booked already, ignored or outgoing, or the shares don't fit.
    :raises PaymentRefused: if an invoice refuses its payment.
    """
    with audited_transaction("book bank line", by=by, at=at, bank_line=line_id):
        line = lock_line(line_id)
        invoices = lock_share_invoices(line, shares)
        number = line.bookings.count()
        for invoice, share in zip(invoices, shares, strict=True):
            number += 1
            _book_share(line, invoice, share.amount, number, at=at, by=by)
            hit_failpoint("bank_line.between_bookings")
        line.state, line.customer_id, line.reason = (
            BankLineState.BOOKED,
            invoices[0].customer_id,
            reason[:MAX_LINE_REASON],
        )
        line.save(update_fields=["state", "customer", "reason"])
        hit_failpoint("bank_line.before_commit")
    return line


def _book_share(
    line: BankLine, invoice: Invoice, amount: Decimal, number: int, *, at: datetime, by: User | None
) -> None:
    reference = f"bank:{line.pk}:{number}"
    payment, entry = None, None
    if invoice.state in PAYABLE and invoice.due:
        payment = record_payment(
            invoice_id=invoice.pk,
            amount=amount,
            method=PaymentChannel.MANUAL,
            reference=reference,
            at=at,
            paid_at=_arrival(line, at),
            by=by,
            keeps_surplus=True,
        )
        references = overpayment_references(payment)
        entry = BalanceEntry.objects.filter(customer=invoice.customer_id, reference__in=references).first()
    else:
        entry = credit_overpayment(invoice, amount, reference=reference, at=at)
    BankBooking.objects.create(
        line=line, number=number, invoice=invoice, amount=amount, payment=payment, entry=entry, booked_at=at
    )


def _arrival(line: BankLine, at: datetime) -> datetime:
    """Return the beginning of the value date where the seller is; a value date in the future counts as now."""
    zone = ZoneInfo(line.account.seller.time_zone)
    return min(datetime.combine(line.value_date, time(), zone), at)


def undo_booking(*, line_id: int, reason: str, at: datetime, by: User | None) -> BankLine:
    """
    Reverse the payments of a booked line, or take back that it is ignored; it is for review again.

    :raises BankLineRefused: if it is neither, or a part of it is on the customer balance, which may be spent already.
    """
    with audited_transaction("undo bank line", by=by, at=at, bank_line=line_id):
        line = lock_line(line_id)
        if line.state not in (BankLineState.BOOKED, BankLineState.IGNORED):
            raise BankLineRefused(_("There is nothing to undo. Its state: %(state)s.") % {"state": _state(line)})
        bookings = list(line.bookings.filter(undone_at=None).select_related("payment").order_by("invoice_id"))
        if any(booking.entry_id for booking in bookings):
            raise BankLineRefused(
                _("A part of it is on the customer balance. Pay that out, or let it pay the next invoice, instead.")
            )
        for booking in bookings:
            if booking.payment_id is not None:
                reverse_payment(payment_id=booking.payment_id, reason=reason, at=at, by=by)
        undone_at = max([at, *(booking.booked_at for booking in bookings)])
        line.bookings.filter(undone_at=None).update(undone_at=undone_at)
        _leave(line, BankLineState.REVIEW, _("Undone: %(reason)s") % {"reason": reason})
    return line


def ignore_line(*, line_id: int, reason: str, at: datetime, by: User | None) -> BankLine:
    """
    Set a line aside that is no payment of a customer.

    :raises BankLineRefused: if it is not for review, or the reason is missing.
    """
    with audited_transaction("ignore bank line", by=by, at=at, bank_line=line_id):
        line = lock_line(line_id)
        if line.state != BankLineState.REVIEW:
            raise BankLineRefused(_("The line is not for review. Its state: %(state)s.") % {"state": _state(line)})
        if not reason.strip():
            raise BankLineRefused(_("Enter a reason."), field="reason")
        _leave(line, BankLineState.IGNORED, reason)
    return line


def leave_for_review(line: BankLine, reason: str) -> None:
    """Leave a locked line for a person, who sees the reason."""
    _leave(line, BankLineState.REVIEW, reason)


def _leave(line: BankLine, state: BankLineState, reason: str) -> None:
    line.state, line.reason, line.customer = state, reason[:MAX_LINE_REASON], None
    line.save(update_fields=["state", "reason", "customer"])


def _state(line: BankLine) -> str:
    return str(line.get_state_display())
