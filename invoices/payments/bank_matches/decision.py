"""Decide whether a received amount is booked, and to which invoices: docs/payments.md#matching."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from invoices.payments.bank_matches.candidates import BankPayer, InvoiceCandidate, ReceivedAmount
from invoices.payments.bank_matches.invoice_numbers import Mention, find_mention, near_sequences
from lib.decimals import EXACT, ZERO, exact_sum


@dataclass(frozen=True, slots=True)
class PlannedBooking:
    """A part of a line for one invoice; what exceeds the amount due goes to the customer balance."""

    invoice_id: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class MatchDecision:
    """bookings: none if a person has to decide. reason: in words, for the line."""

    bookings: tuple[PlannedBooking, ...]
    reason: str


def decide(line: ReceivedAmount, *, candidates: Sequence[InvoiceCandidate], payer: BankPayer) -> MatchDecision:
    """
    Return the bookings of a line that leave no doubt, or why there is doubt.

    candidates: every invoice whose sequence the text contains, and every open one whose amount due is the line's and
        whose sequence is near to one of these.
    """
    if line.is_reversal:
        return _review("The bank marks it as a reversal of an earlier movement.")
    mentions = {candidate.invoice_id: find_mention(line.text, candidate.number) for candidate in candidates}
    named = [candidate for candidate in candidates if mentions[candidate.invoice_id] is Mention.NUMBER]
    by_digits = [candidate for candidate in candidates if mentions[candidate.invoice_id] is Mention.DIGITS]
    if len(named) > 1:
        return _decide_on_several(line, named, payer)
    if named:
        return _decide_on_named(line, named[0], candidates, payer)
    sure = [
        candidate
        for candidate in by_digits
        if candidate.currency == line.currency
        and candidate.due == line.amount
        and payer.agrees_with(candidate.customer_id)
    ]
    if len(sure) == 1 and sure[0].is_payable:
        return _book(line, sure, f"The digits of {sure[0].number}, the amount due and the payer agree.")
    return _review("No invoice number is in the text." if not by_digits else "The text has only digits of a number.")


def _decide_on_named(
    line: ReceivedAmount, invoice: InvoiceCandidate, candidates: Sequence[InvoiceCandidate], payer: BankPayer
) -> MatchDecision:
    number = invoice.number
    if invoice.currency != line.currency:
        return _review(f"{number} is in {invoice.currency}, and the payment in {line.currency}.")
    if not invoice.is_payable or invoice.due <= ZERO:
        if line.amount == invoice.total:
            return _review(f"{number} is paid already: likely a double payment.")
        return _review(f"{number} has no amount due.")
    if payer.contradicts(invoice.customer_id):
        return _review(f"{number} is an invoice of another customer than the payer.")
    agrees = payer.agrees_with(invoice.customer_id)
    twins = _find_twins(invoice, line, candidates)
    if line.amount == invoice.due:
        others = (twin for twin in twins if twin.customer_id != invoice.customer_id)
        if not agrees and (twin := next(others, None)):
            return _review(
                f"{number} fits, but so does {twin.number}, which differs by one digit; the payer is unknown."
            )
        return _book(line, [invoice], f"{number} and the amount due agree.")
    if not agrees:
        return _review(f"{number} is named, but neither the amount due nor the payer agrees.")
    if twin := next((twin for twin in twins if payer.agrees_with(twin.customer_id)), None):
        return _review(f"{number} is named, but {twin.number}, which differs by one digit, has this amount due.")
    if line.amount < invoice.due:
        return _book(line, [invoice], f"Partial payment of {number}; the payer agrees.")
    return _book(line, [invoice], f"Overpayment of {number}; the payer agrees, and the rest goes to the balance.")


def _decide_on_several(line: ReceivedAmount, named: Sequence[InvoiceCandidate], payer: BankPayer) -> MatchDecision:
    numbers = ", ".join(candidate.number for candidate in named)
    if any(candidate.currency != line.currency for candidate in named):
        return _review(f"The text names {numbers}, not all of them in {line.currency}.")
    if len({candidate.customer_id for candidate in named}) > 1:
        return _review(f"The text names {numbers}, invoices of several customers.")
    if payer.contradicts(named[0].customer_id):
        return _review(f"The text names {numbers}, but the payer is another customer.")
    if any(not candidate.is_payable or candidate.due <= ZERO for candidate in named):
        return _review(f"The text names {numbers}, not all of which have an amount due.")
    if exact_sum(candidate.due for candidate in named) != line.amount:
        return _review(f"The text names {numbers}, whose amounts due don't sum to the payment.")
    return _book(line, named, f"The amounts due of {numbers} sum to the payment.")


def _find_twins(
    invoice: InvoiceCandidate, line: ReceivedAmount, candidates: Sequence[InvoiceCandidate]
) -> Iterator[InvoiceCandidate]:
    """Yield the open invoices whose amount due is the line's and whose number differs by one mistake."""
    width = sum(character.isdigit() for character in invoice.number)
    near = near_sequences(invoice.sequence, width=width)
    for candidate in candidates:
        is_due = candidate.is_payable and (candidate.due, candidate.currency) == (line.amount, line.currency)
        if is_due and candidate.sequence in near:
            yield candidate


def _book(line: ReceivedAmount, invoices: Sequence[InvoiceCandidate], reason: str) -> MatchDecision:
    """Book the amounts due; of a single invoice the whole line."""
    if len(invoices) == 1:
        return MatchDecision((PlannedBooking(invoices[0].invoice_id, EXACT.plus(line.amount)),), reason)
    return MatchDecision(tuple(PlannedBooking(invoice.invoice_id, invoice.due) for invoice in invoices), reason)


def _review(reason: str) -> MatchDecision:
    return MatchDecision((), reason)
