"""Invoices of a revenue case and what happens to them: payments, credit notes, disputes, write-offs."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import groupby, pairwise
from typing import Any

from invoices.credit_notes import (
    LineCredit,
    RequestedCredit,
    draft_credit_note,
    issue_credit_note,
    read_creditable_invoices,
)
from invoices.documents.calendar_months import month_of, next_month
from invoices.documents.drafts import DraftLine
from invoices.documents.issue import issue, write_lines
from invoices.models import Invoice, Payment, Refund
from invoices.payments.attempts.settlement import reverse_payment
from invoices.payments.manual_payments import record_payment
from invoices.payments.refunds.refund import record_manual_refund
from invoices.payments.write_offs import write_off
from lib.money import allocate
from tests.billing.revenue.accruals.accrual_setup import lock
from tests.billing.revenue.book_setup import issue_invoice, line, moment
from tests.builders import fee, make_plan, publish
from tests.golden.cases import Case
from tests.golden.plan_setup import LONG_AGO
from tests.golden.revenue_book import Book

DAY = timedelta(days=1)
UNSERVED = "What was billed is not served"


def bill(book: Book, inputs: Case) -> None:
    """Issue the invoices of a case's lines, and pay what is paid at once; then all the other things happen."""
    if "open_from" in inputs:
        open_books(book, inputs["open_from"] + "-01")
    if "balance_applied" in inputs:
        _overpay(book, Decimal(inputs["balance_applied"]), before=_issued(inputs["lines"][0]))
    by_day = inputs.get("granularity") == "day"
    for day, lines in groupby(sorted(inputs["lines"], key=_issued), key=_issued):
        _issue(book, list(lines), at=day, by_day=by_day, disputed=_disputed(inputs))
    for name, act in ACTS.items():
        if name in inputs:
            act(book, inputs[name])


def open_books(book: Book, day: str) -> None:
    """Let the books begin with the month of a day, by an invoice of nothing."""
    issue_invoice(book.customer, [line("0.00", day, f"{day}T01:00")], at=day, currency=book.currency)


def pay(book: Book, invoice: Invoice, amount: Decimal | str, *, at: str, **fields: Any) -> Payment:
    return record_payment(
        invoice_id=invoice.pk,
        amount=Decimal(amount),
        method="manual",
        reference=f"{at} {amount}",
        at=moment(at),
        **fields,
    )


def credit(book: Book, amount: Decimal | str, *, at: str, to: str) -> None:
    """Credit a part of the case's one invoice, in proportion to what is left of its lines."""
    invoice = _invoice(book)
    lines = [left for left in read_creditable_invoices([invoice.pk])[invoice.pk].lines if left.left]
    shares = allocate(Decimal(amount), [left.left for left in lines], book.unit)
    requested = [RequestedCredit(left.position, share) for left, share in zip(lines, shares, strict=True)]
    issue_credit_note(invoice_id=invoice.pk, lines=requested, reason="agreed", to=to, at=moment(at))


def day_fee() -> dict[str, Any]:
    """Return the fields of a line whose plan version prorates by the day."""
    version = publish(make_plan(fees=[fee("1")], proration="day"), LONG_AGO)
    return {"kind": "fee", "fee_id": version.fees.get().pk}


def recognized_over(months: int) -> dict[str, Any]:
    """Return the fields of a line of a one-time fee that is recognized over a number of months."""
    setup = fee("1", kind="one_time", recognition="months", recognition_months=months)
    return {"kind": "fee", "fee_id": publish(make_plan(fees=[setup]), LONG_AGO).fees.get().pk}


def _issued(about: Case) -> str:
    """Return the day of a line's invoice: where the case does not say, the service begins with it."""
    day: str = about.get("issued") or about["service"][0]
    return day


def _issue(book: Book, lines: list[Case], *, at: str, by_day: bool, disputed: Decimal | None) -> None:
    """
    Issue the invoice of a day. disputed: the part of the payment that is disputed later, a payment of its own.

    Lines that add up to less than zero are a credit note for what was billed in the month before and is not served.
    """
    fields = day_fee() if by_day else {}
    drafted = [draft for about in lines for draft in _draft_lines(about, unit=book.unit, **fields)]
    if sum(draft.amount for draft in drafted) < 0:
        _credit_unserved(book, drafted, at=at)
        return
    invoice = issue_invoice(book.customer, drafted, at=at, currency=book.currency)
    paid = sum((Decimal(about["paid"]) for about in lines if "paid" in about), Decimal(0))
    for amount in filter(None, (disputed, paid - (disputed or 0)) if paid else ()):
        pay(book, invoice, amount, at=at)


def _draft_lines(about: Case, *, unit: Decimal, **fields: Any) -> list[DraftLine]:
    """Return the line, or one for each month if its months are even."""
    if "months" not in about:
        return [line(about["net"], *about["service"], **fields)]
    assert about["evenly"]
    months = [month_of(date.fromisoformat(about["issued"]))]
    while len(months) <= int(about["months"]):
        months.append(next_month(months[-1]))
    amounts = allocate(Decimal(about["net"]), [1] * int(about["months"]), unit)
    return [
        line(str(amount), start.isoformat(), end.isoformat(), **fields)
        for amount, (start, end) in zip(amounts, pairwise(months), strict=True)
    ]


def _credit_unserved(book: Book, lines: list[DraftLine], *, at: str) -> None:
    before = (moment(at) - 31 * DAY).date().isoformat()
    billed = [line(str(-unserved.amount), before, f"{before}T01:00") for unserved in lines]
    invoice = issue_invoice(book.customer, billed, at=before, currency=book.currency)
    pay(book, invoice, invoice.due, at=before)
    creditable = read_creditable_invoices([invoice.pk])[invoice.pk]
    credits = [
        LineCredit(left, left.left, kind="fee_credit", unserved=(unserved.service_start, unserved.service_end))
        for left, unserved in zip(creditable.lines, lines, strict=True)
    ]
    draft = draft_credit_note(creditable, credits, reason=UNSERVED, to="balance")
    write_lines([draft])
    issue([draft], at=moment(at))


def _overpay(book: Book, amount: Decimal, *, before: str) -> None:
    """Leave the customer with a balance, from an invoice of the month before."""
    day = (moment(before) - 31 * DAY).date().isoformat()
    invoice = issue_invoice(book.customer, [line("1.00", day, f"{day}T01:00")], at=day, currency=book.currency)
    pay(book, invoice, invoice.due + amount, at=day, keeps_surplus=True)


def _invoice(book: Book) -> Invoice:
    """Return the case's invoice."""
    invoice: Invoice = Invoice.objects.filter(customer=book.customer, kind="invoice").latest("issued_at")
    return invoice


def _credit_note(book: Book, about: Case | list[str]) -> None:
    if isinstance(about, list):
        day, amount = about
    else:
        day, amount = about["on"], about["net"]
        assert about.get("of") in (None, "the whole line")
    credit(book, amount, at=day, to="offset")


def _refund(book: Book, about: Case) -> None:
    credit(book, about["net"], at=about["on"], to="refund")
    (refund,) = Refund.objects.filter(customer=book.customer)
    record_manual_refund(refund_id=refund.pk, reference="transfer", at=moment(about["on"]), by=None)


def _uncollectible(book: Book, day: str) -> None:
    write_off(invoice_id=_invoice(book).pk, reason="insolvent", at=moment(day))


def _disputed(inputs: Case) -> Decimal | None:
    dispute = inputs.get("dispute")
    return Decimal(dispute["net"]) if isinstance(dispute, dict) else None


def _dispute(book: Book, about: Case | str) -> None:
    """Take the payment back, credit it as far as something is left to credit, and write the rest off."""
    invoice = _invoice(book)
    if isinstance(about, str):
        day, amount = about, invoice.left
        if invoice.due:
            pay(book, invoice, invoice.due, at=day)
    else:
        day, amount = about["on"], Decimal(about["net"])
    payment = Payment.objects.get(invoice=invoice, amount=amount)
    reverse_payment(payment_id=payment.pk, reason="dispute lost", at=moment(day))
    credit(book, min(amount, invoice.left), at=day, to="offset")
    if _invoice(book).due:
        write_off(invoice_id=invoice.pk, reason="dispute lost", at=moment(day))


def _undo_note(book: Book, day: str) -> None:
    """Bill what the note credited again, while the months before are locked: notes can't be voided."""
    month, months = month_of(_first_day(book)), []
    while next_month(month) <= date.fromisoformat(day):
        months.append(month)
        month = next_month(month)
    for locked in months:
        lock(book.seller, f"{locked:%Y-%m}", at=day)
    credited = _invoice(book).lines.get()
    again = line(str(_invoice(book).credited), *_span(credited.service_start, credited.service_end))
    issue_invoice(book.customer, [again], at=day, currency=book.currency)


def _first_day(book: Book) -> date:
    first: datetime = Invoice.objects.filter(customer=book.customer).earliest("issued_at").issued_at
    return first.date()


def _span(start: datetime, end: datetime) -> tuple[str, str]:
    return start.date().isoformat(), end.date().isoformat()


def _paid(book: Book, about: list[str]) -> None:
    day, amount = about
    pay(book, _invoice(book), amount, at=day)


ACTS: dict[str, Callable[[Book, Any], None]] = {
    "credit_note": _credit_note,
    "refund": _refund,
    "uncollectible": _uncollectible,
    "dispute": _dispute,
    "note_voided": _undo_note,
    "paid": _paid,
}
"""What happens to the invoice of a case, in order of time: key → the act."""
