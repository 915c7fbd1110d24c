"""Invoices that a person may book a line to, the likeliest first."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from invoices.payments.bank_matches.candidates import BankPayer, InvoiceCandidate, ReceivedAmount
from invoices.payments.bank_matches.invoice_numbers import Mention, find_mention

MAX_SUGGESTIONS = 5


@dataclass(frozen=True, slots=True)
class InvoiceSuggestion:
    """An invoice, and why it is suggested: codes of the reasons, the strongest first."""

    invoice: InvoiceCandidate
    reasons: tuple[str, ...]


_WEIGHTS = {"number": 8, "account": 5, "amount": 4, "name": 4, "near": 3, "digits": 2}
"""Reason → its weight. A number outweighs the payer, and the payer with the amount outweighs a number."""


def rank(
    line: ReceivedAmount, *, candidates: Sequence[InvoiceCandidate], payer: BankPayer, near: Collection[int]
) -> list[InvoiceSuggestion]:
    """
    Return the likeliest invoices in the line's currency, at most MAX_SUGGESTIONS.

    near: sequences that differ by one mistake from a number in the text.
    """
    suggestions = [
        InvoiceSuggestion(candidate, tuple(_reasons(line, candidate, payer, near)))
        for candidate in candidates
        if candidate.currency == line.currency
    ]
    # A paid invoice is of interest only if the payer names it: as a double payment.
    likely = [
        suggestion
        for suggestion in suggestions
        if suggestion.reasons and (suggestion.invoice.due or "number" in suggestion.reasons)
    ]
    return sorted(likely, key=_order)[:MAX_SUGGESTIONS]


def _reasons(
    line: ReceivedAmount, candidate: InvoiceCandidate, payer: BankPayer, near: Collection[int]
) -> Iterator[str]:
    mention = find_mention(line.text, candidate.number)
    if mention is Mention.NUMBER:
        yield "number"
    if candidate.customer_id in payer.by_account:
        yield "account"
    if line.amount == candidate.due:
        yield "amount"
    if candidate.customer_id in payer.by_name:
        yield "name"
    if candidate.sequence in near and line.amount == candidate.due:
        yield "near"
    if mention is Mention.DIGITS:
        yield "digits"


def _order(suggestion: InvoiceSuggestion) -> tuple[int, int]:
    # Of equally likely invoices, the oldest is paid first.
    return -sum(_WEIGHTS[reason] for reason in suggestion.reasons), suggestion.invoice.invoice_id
