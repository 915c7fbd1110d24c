"""Read the invoices that a bank line may pay, and whom it may come from."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal
from typing import Any

from django.db.models import DecimalField, ExpressionWrapper, F, Q, QuerySet

from customers.models import Customer, Seller
from invoices.models import BankLine, DocumentKind, Invoice
from invoices.models.bank_statements import BankLineState
from invoices.payments.bank_matches import (
    BankPayer,
    InvoiceCandidate,
    InvoiceSuggestion,
    ReceivedAmount,
    name_words,
    names_agree,
    near_sequences,
    rank,
    sequences_in,
)
from invoices.payments.bank_matches.payer_names import first_letters
from invoices.payments.manual_payments import PAYABLE
from lib.field_types import AMOUNT

MAX_READ = 50
"""Invoices read for each kind of suggestion."""
MAX_COMMON = 200
"""Customers whose names share a word, above which the word says nothing about the payer."""

_DUE = ExpressionWrapper(F("total") - F("credited") - F("paid") + F("returned"), output_field=DecimalField(**AMOUNT))


class PayerDirectory:
    """The names of a seller's customers, read once for many lines."""

    def __init__(self, seller: Seller) -> None:
        customers = Customer.objects.filter(sandbox=False, erased_at=None)
        is_dealing = Q(seller=seller) | Q(pk__in=Invoice.objects.filter(seller=seller).values("customer"))
        self._names = dict(customers.filter(is_dealing).values_list("pk", "legal_name"))
        self._by_word: dict[str, set[int]] = defaultdict(set)
        for customer_id, name in self._names.items():
            for word in (*name_words(name), first_letters(name)):
                self._by_word[word].add(customer_id)

    def find(self, name: str) -> frozenset[int]:
        """Return the customers whose legal name agrees with a payer's."""
        words = [*name_words(name), first_letters(name)] if name else []
        # Two agreeing names share every word of the shorter one, or their first letters, so the rarest word suffices.
        likely = {
            customer_id
            for word in words
            if len(holders := self._by_word.get(word, set())) <= MAX_COMMON
            for customer_id in holders
        }
        return frozenset(pk for pk in likely if names_agree(name, self._names[pk]))


def read_payers(lines: Sequence[BankLine], directory: PayerDirectory) -> list[BankPayer]:
    """Return whom each of some lines may come from, of accounts of one seller; one query at most."""
    by_account: dict[str, set[int]] = defaultdict(set)
    if accounts := {line.payer_account for line in lines if line.payer_account}:
        booked = BankLine.objects.filter(state=BankLineState.BOOKED, payer_account__in=accounts)
        booked = booked.filter(account__seller=lines[0].account.seller_id)
        for account, customer_id in booked.order_by().values_list("payer_account", "customer").distinct():
            by_account[account].add(customer_id)
    return [
        BankPayer(by_account=frozenset(by_account[line.payer_account]), by_name=directory.find(line.payer_name))
        for line in lines
    ]


def received_amount(line: BankLine) -> ReceivedAmount:
    """Return the part of a line that a decision needs."""
    # The semicolon keeps digits of the two texts apart.
    text = f"{line.text} ; {line.end_to_end_id}"
    return ReceivedAmount(amount=line.amount, currency=str(line.currency), text=text, is_reversal=line.is_reversal)


def invoices_of(seller_id: int) -> QuerySet[Invoice]:
    """Return the invoices that a line of a seller's account may name."""
    invoices = Invoice.objects.filter(seller=seller_id, sandbox=False, kind=DocumentKind.INVOICE)
    return invoices.exclude(number=None).select_related("customer")


def read_candidates(line: BankLine) -> list[InvoiceCandidate]:
    """
    Return the invoices whose sequence is in the text, and the open ones of the same amount with a near sequence; two
    queries.
    """
    invoices = invoices_of(line.account.seller_id)
    named = list(invoices.filter(sequence__in=sequences_in(received_amount(line).text)).order_by("pk"))
    return [*map(candidate_of, named), *map(candidate_of, _read_near(line, named))]


def _read_near(line: BankLine, named: Collection[Invoice]) -> Iterable[Invoice]:
    near = _near(named)
    if not near:
        return ()
    open_invoices = _open(invoices_of(line.account.seller_id), {str(line.currency)})
    invoices = open_invoices.filter(due_amount=line.amount, sequence__in=near)
    return invoices.exclude(pk__in=[invoice.pk for invoice in named]).order_by("pk")


def _near(named: Iterable[Invoice]) -> set[int]:
    return {
        sequence
        for invoice in named
        for sequence in near_sequences(
            invoice.sequence or 0, width=sum(character.isdigit() for character in invoice.number or "")
        )
    }


def read_suggestions(lines: Sequence[BankLine], directory: PayerDirectory) -> dict[int, list[InvoiceSuggestion]]:
    """
    Return line → the invoices that a person may book it to, the likeliest first; five queries.

    lines: of accounts of one seller, at least one.
    """
    payers = read_payers(lines, directory)
    texts = [received_amount(line) for line in lines]
    mistaken = [
        {near for sequence in sequences_in(text.text) for near in near_sequences(sequence, width=1)} for text in texts
    ]
    candidates = list(_read_likely(lines, texts, payers, set().union(*mistaken)).values())
    return {
        line.pk: rank(text, candidates=candidates, payer=payer, near=near)
        for line, text, payer, near in zip(lines, texts, payers, mistaken, strict=True)
    }


def _read_likely(
    lines: Sequence[BankLine], texts: Sequence[ReceivedAmount], payers: Sequence[BankPayer], mistaken: set[int]
) -> dict[int, InvoiceCandidate]:
    """Return the invoices that any of the lines may pay."""
    invoices = invoices_of(lines[0].account.seller_id)
    open_invoices = _open(invoices, {str(line.currency) for line in lines})
    same_amount = open_invoices.filter(due_amount__in={line.amount for line in lines})
    sequences = {sequence for text in texts for sequence in sequences_in(text.text)}
    customers = {customer_id for payer in payers for customer_id in payer.customers}
    return {
        invoice.pk: candidate_of(invoice)
        for rows in (
            invoices.filter(sequence__in=sequences),
            same_amount.filter(sequence__in=mistaken),
            open_invoices.filter(customer__in=customers),
            same_amount,
        )
        for invoice in rows.order_by("pk")[: MAX_READ * len(lines)]
    }


def _open(invoices: QuerySet[Invoice], currencies: Collection[str]) -> QuerySet[Any]:
    """Return the invoices that are due in these currencies, with `due_amount`."""
    payable: QuerySet[Any] = invoices.filter(state__in=PAYABLE, currency__in=currencies)
    payable = payable.annotate(due_amount=_DUE)
    return payable.filter(due_amount__gt=0)


def candidate_of(invoice: Invoice) -> InvoiceCandidate:
    """Return an invoice with its customer as the decision takes it."""
    is_payable = invoice.state in PAYABLE
    return InvoiceCandidate(
        invoice_id=invoice.pk,
        number=invoice.number or "",
        sequence=invoice.sequence or 0,
        customer_id=invoice.customer_id,
        name=invoice.customer.legal_name,
        currency=str(invoice.currency),
        total=invoice.total.amount,
        due=invoice.due if is_payable else Decimal(0),
        is_payable=is_payable,
    )
