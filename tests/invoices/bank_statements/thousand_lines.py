"""A thousand lines of a statement with every mistake that payers make, and how each of them may end."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from invoices.models import Invoice
from tests.invoices.bank_statements.bank_rows import Transfer, make_due

CUSTOMERS = 120
SPARE = 20
"""Lines generated in place of those that are left out."""
TOTALS = ("49.00", "119.00", "119.00", "238.00", "77.35", "1190.00")
WORDS = (
    *("Amber", "Birch", "Cobalt", "Delta", "Ember", "Fjord", "Garnet", "Harbor", "Indigo", "Juniper", "Krypton"),
    *("Lumen", "Meadow", "Nimbus", "Onyx", "Pepper", "Quartz", "Raven", "Saffron", "Tundra", "Umber", "Velvet"),
)
FORMS = ("GmbH", "AG", "Ltd", "Inc.", "B.V.", "GmbH & Co. KG")


@dataclass(frozen=True)
class Expected:
    """
    A line, its kind, and the invoices that it may be booked to.

    is_sure: whether it must be booked; otherwise it may be left for review.
    """

    kind: str
    transfer: Transfer
    shares: dict[int, Decimal]
    is_sure: bool = False


def make_invoices(rng: random.Random, count: int) -> list[Invoice]:
    """Return invoices of customers with distinct names; equal totals are frequent between customers."""
    pairs = [(first, second) for first in WORDS for second in WORDS if first != second]
    names = [f"{first} {second} {rng.choice(FORMS)}" for first, second in rng.sample(pairs, CUSTOMERS)]
    invoices = [make_due(rng.choice(names), rng.choice(TOTALS)) for _ in range(count)]
    return list(Invoice.objects.filter(pk__in=[invoice.pk for invoice in invoices]).select_related("customer"))


def generate_lines(rng: random.Random, invoices: list[Invoice], count: int) -> list[Expected]:
    """Return lines of every kind; each invoice is paid by one payer, and some of them twice."""
    source = iter(rng.sample(invoices, len(invoices)))
    makers = [
        *[_correct] * 8,
        *(_mangled, _mangled, _mangled, _wrong_digit, _wrong_digit, _wrong_digit_of_unknown, _partial, _partial),
        *(_over, _over, _double, _double, _several, _other_currency, _unknown_payer, _no_number, _outgoing),
    ]
    lines: list[Expected] = []
    while len(lines) < count + SPARE:
        lines.extend(rng.choice(makers)(rng, source))
    lines = _without_plausible_mistakes(lines)
    return [
        replace(line, transfer=replace(line.transfer, reference=f"REF{number:05}"))
        for number, line in enumerate(lines[:count])
    ]


def _without_plausible_mistakes(lines: list[Expected]) -> list[Expected]:
    """Leave out the mistakes that nobody could see: the number of another invoice of the payer with this amount."""
    rows = Invoice.objects.values_list("number", "customer__legal_name", "total")
    owed = {(number, name.upper(), total) for number, name, total in rows}
    return [
        line
        for line in lines
        if line.kind != "wrong digit"
        or (line.transfer.text, line.transfer.payer, Decimal(line.transfer.amount)) not in owed
    ]


def _transfer(invoice: Invoice, **fields: str) -> Transfer:
    values = {"amount": str(invoice.total.amount), "text": f"Invoice {invoice.number}"}
    return Transfer(**{**values, "payer": invoice.customer.legal_name.upper(), **fields})


def _whole(invoice: Invoice) -> dict[int, Decimal]:
    return {invoice.pk: invoice.total.amount}


def _correct(rng: random.Random, source: Iterator[Invoice]) -> Iterator[Expected]:
    invoice = next(source)
    yield Expected("correct", _transfer(invoice), _whole(invoice), is_sure=True)


def _mangled(rng: random.Random, source: Iterator[Invoice]) -> Iterator[Expected]:
    invoice = next(source)
    sequence = str(invoice.sequence)
    texts = [f"inv {sequence}", f"INV{sequence.zfill(5)}", f"INV- 0{sequence}", f"RNr.:inv/{sequence} danke"]
    yield Expected("mangled", _transfer(invoice, text=rng.choice(texts)), _whole(invoice), is_sure=True)


def _wrong_number(rng: random.Random, invoice: Invoice) -> str:
    digits = list(str(invoice.sequence).zfill(5))
    place = rng.randrange(2, 5)
    digits[place] = rng.choice([digit for digit in "0123456789" if digit != digits[place]])
    return f"INV-{''.join(digits)}"


def _wrong_digit(rng: random.Random, source: Iterator[Invoice]) -> Iterator[Expected]:
    invoice = next(source)
    yield Expected("wrong digit", _transfer(invoice, text=_wrong_number(rng, invoice)), _whole(invoice))


def _wrong_digit_of_unknown(rng: random.Random, source: Iterator[Invoice]) -> Iterator[Expected]:
    invoice = next(source)
    transfer = _transfer(invoice, text=_wrong_number(rng, invoice), payer="Payment Hub 24")
    yield Expected("wrong digit of unknown", transfer, _whole(invoice))


def _partial(rng: random.Random, source: Iterator[Invoice]) -> Iterator[Expected]:
    invoice = next(source)
    first = Decimal(rng.randrange(100, 4000)) / 100
    rest = invoice.total.amount - first
    yield Expected("partial", _transfer(invoice, amount=str(first)), {invoice.pk: first}, is_sure=True)
    if rng.random() < 0.5:
        yield Expected("rest", _transfer(invoice, amount=str(rest)), {invoice.pk: rest}, is_sure=True)


def _over(rng: random.Random, source: Iterator[Invoice]) -> Iterator[Expected]:
    invoice = next(source)
    amount = invoice.total.amount + Decimal(rng.randrange(1, 5000)) / 100
    yield Expected("over", _transfer(invoice, amount=str(amount)), {invoice.pk: amount}, is_sure=True)


def _double(rng: random.Random, source: Iterator[Invoice]) -> Iterator[Expected]:
    invoice = next(source)
    yield Expected("correct", _transfer(invoice), _whole(invoice), is_sure=True)
    yield Expected("double", _transfer(invoice, text=f"again {invoice.number}"), {})


def _several(rng: random.Random, source: Iterator[Invoice]) -> Iterator[Expected]:
    first = next(source)
    second = make_due(first.customer.legal_name, rng.choice(TOTALS))
    text, total = f"{first.number} and {second.number}", str(first.total.amount + second.total.amount)
    shares = _whole(first) | _whole(second)
    yield Expected("several", _transfer(first, text=text, amount=total), shares, is_sure=True)


def _other_currency(rng: random.Random, source: Iterator[Invoice]) -> Iterator[Expected]:
    invoice = next(source)
    yield Expected("other currency", replace(_transfer(invoice), currency="USD"), {})


def _unknown_payer(rng: random.Random, source: Iterator[Invoice]) -> Iterator[Expected]:
    invoice = next(source)
    odd = str(invoice.total.amount - Decimal("0.13"))
    yield Expected("unknown payer", _transfer(invoice, payer="J. Doe"), _whole(invoice))
    yield Expected("unknown payer, odd amount", _transfer(invoice, payer="J. Doe", amount=odd), {})


def _no_number(rng: random.Random, source: Iterator[Invoice]) -> Iterator[Expected]:
    invoice = next(source)
    yield Expected("no number", _transfer(invoice, text="Rechnung vom Januar"), {})


def _outgoing(rng: random.Random, source: Iterator[Invoice]) -> Iterator[Expected]:
    yield Expected("outgoing", Transfer("-12.50", "Account fee"), {})
