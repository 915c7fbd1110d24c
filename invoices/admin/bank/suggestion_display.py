"""Suggested invoices of bank lines, as the review shows them."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from invoices.models import BankLine
from invoices.payments.bank_matches import InvoiceCandidate, InvoiceSuggestion
from invoices.payments.bank_statements.bookings import WITHOUT_PAYMENT
from invoices.payments.bank_statements.candidate_reader import (
    PayerDirectory,
    candidate_of,
    invoices_of,
    read_suggestions,
)
from lib.formats import format_money

MAX_RESULTS = 20
REASONS = {
    "number": gettext_lazy("its number is in the text"),
    "account": gettext_lazy("this account paid the customer before"),
    "amount": gettext_lazy("same amount"),
    "name": gettext_lazy("same name"),
    "near": gettext_lazy("the number differs by one digit"),
    "digits": gettext_lazy("the digits of its number are in the text"),
    "search": gettext_lazy("matches your search"),
}


@dataclass(frozen=True, slots=True)
class SuggestionRow:
    """An invoice to book a line to. effect: of booking the whole line to it, unless that pays it exactly."""

    url: str
    number: str
    name: str
    due: str
    why: str
    effect: str


@dataclass(frozen=True, slots=True)
class ReviewedLine:
    """A line with its suggestions."""

    line: BankLine
    amount: str
    suggestions: list[SuggestionRow]


def review_lines(lines: Sequence[BankLine]) -> list[ReviewedLine]:
    """Return lines with their suggestions; seven queries for each seller."""
    by_seller: dict[int, list[BankLine]] = defaultdict(list)
    for line in lines:
        by_seller[line.account.seller_id].append(line)
    suggestions: dict[int, list[InvoiceSuggestion]] = {}
    for group in by_seller.values():
        suggestions |= read_suggestions(group, PayerDirectory(group[0].account.seller))
    return [
        ReviewedLine(
            line,
            format_money(line.amount, str(line.currency)),
            [_row(line, suggestion) for suggestion in suggestions[line.pk]],
        )
        for line in lines
    ]


def search_invoices(line: BankLine, text: str) -> list[SuggestionRow]:
    """Return invoices of the line's seller and currency by a part of their number or of the customer's name."""
    matching = Q(number__icontains=text) | Q(customer__legal_name__icontains=text)
    matching |= Q(customer__external_id=text)
    invoices = invoices_of(line.account.seller_id).filter(matching, currency=str(line.currency))
    newest = invoices.exclude(state__in=WITHOUT_PAYMENT).order_by("-pk")[:MAX_RESULTS]
    return [_row(line, InvoiceSuggestion(candidate_of(invoice), ("search",))) for invoice in newest]


def _row(line: BankLine, suggestion: InvoiceSuggestion) -> SuggestionRow:
    invoice = suggestion.invoice
    return SuggestionRow(
        url=reverse("admin:invoices_invoice_change", args=[invoice.invoice_id]),
        number=invoice.number,
        name=invoice.name,
        due=format_money(invoice.due, invoice.currency),
        why=", ".join(str(REASONS[reason]) for reason in suggestion.reasons),
        effect=_effect(line, invoice),
    )


def _effect(line: BankLine, invoice: InvoiceCandidate) -> str:
    if line.amount == invoice.due:
        return ""
    if line.amount < invoice.due:
        return _("%(rest)s stays due") % {"rest": format_money(invoice.due - line.amount, invoice.currency)}
    surplus = format_money(line.amount - invoice.due, invoice.currency)
    return _("%(surplus)s goes to the customer balance") % {"surplus": surplus}
