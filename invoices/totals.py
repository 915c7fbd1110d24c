"""
From lines to an amount due, in one fixed order.

Pure arithmetic: exact decimals in and out, no framework, no clock. Where the law has an order (for tax, EN 16931) it
is the law's; docs/decisions/0003-order-of-arithmetic.md gives the rest.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from plans.pricing.exact import EXACT, ZERO
from plans.pricing.money import round_money

HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class Tax:
    """
    The tax that a line falls under.

    rate: percent. reason: why it is zero, where a document must say so; lines of one rate and reason share one sum.
    """

    name: str
    rate: Decimal
    reason: str = ""


@dataclass(frozen=True, slots=True)
class TaxSum:
    """The tax of one rate and reason on a whole document. amount: rounded once, on the net sum of its lines."""

    tax: Tax
    taxable: Decimal
    amount: Decimal


@dataclass(slots=True)
class Totals:
    """
    What a document comes to, in the currency's major unit; each step of `ORDER` fills in its own part.

    net: the sum of the lines. tax: the sum of the taxes. total: net + tax, what is claimed.
    """

    net: Decimal = ZERO
    taxes: tuple[TaxSum, ...] = ()
    tax: Decimal = ZERO
    total: Decimal = ZERO


Claim = tuple[Decimal, *tuple[Tax, ...]]
"""
One line: its amount, rounded already, and the taxes it falls under, of different rates or reasons; a state's and a
county's are two, and each is charged on the amount.
"""

Step = Callable[[Totals, Sequence[Claim], str], None]


def _sum_lines(sums: Totals, claims: Sequence[Claim], currency: str) -> None:
    for amount, *_ in claims:
        sums.net = EXACT.add(sums.net, amount)


def _tax_each_rate(sums: Totals, claims: Sequence[Claim], currency: str) -> None:
    taxable: dict[tuple[Decimal, str], tuple[Tax, Decimal]] = {}
    for amount, *taxes in claims:
        for tax in taxes:
            first, so_far = taxable.get((tax.rate, tax.reason), (tax, ZERO))
            taxable[tax.rate, tax.reason] = first, EXACT.add(so_far, amount)
    sums.taxes = tuple(_taxed(tax, net, currency) for tax, net in taxable.values())


def _add_tax(sums: Totals, claims: Sequence[Claim], currency: str) -> None:
    for one in sums.taxes:
        sums.tax = EXACT.add(sums.tax, one.amount)
    sums.total = EXACT.add(sums.net, sums.tax)


ORDER: tuple[Step, ...] = (_sum_lines, _tax_each_rate, _add_tax)
"""The order of arithmetic: lines → tax per rate on their net sum → total. Coupons and credits join it here."""


def total_up(claims: Sequence[Claim], currency: str) -> Totals:
    """
    Return what lines come to.

    claims: the lines' amounts, each rounded once already to the currency's minor unit, of either sign.

    Tax is charged on the net sum of all lines of a rate and rounded half-up once per rate, never line by line.

    :raises UnknownCurrency: for a code that ISO 4217 gives no minor unit.

    Source: EN 16931, BR-CO-14 and BR-CO-17; docs/decisions/0003-order-of-arithmetic.md.
    """
    sums = Totals()
    for step in ORDER:
        step(sums, claims, currency)
    return sums


def total_up_credit(claims: Sequence[Claim], currency: str, *, earlier: Sequence[TaxSum]) -> Totals:
    """
    Return what a credit note comes to, after others of the same invoice.

    claims: what it takes back, above zero where the invoice claimed something. earlier: the taxes of the others.

    Its tax at each rate is that of all that is credited by now, rounded once, minus what the others have taken back.
    So the notes of an invoice that is credited whole take back its tax to the cent, into however many it was split.

    Source: docs/invoices.md#credit-notes.
    """
    before = {(one.tax.rate, one.tax.reason): one for one in earlier}
    sums = Totals()
    _sum_lines(sums, claims, currency)
    _tax_each_rate(sums, claims, currency)
    sums.taxes = tuple(_beyond(before.get((one.tax.rate, one.tax.reason)), one, currency) for one in sums.taxes)
    _add_tax(sums, claims, currency)
    return sums


def _beyond(earlier: TaxSum | None, own: TaxSum, currency: str) -> TaxSum:
    """Return what a sum adds to the tax of an earlier one, the two rounded together."""
    if earlier is None:
        return own
    so_far = _taxed(own.tax, EXACT.add(earlier.taxable, own.taxable), currency)
    return TaxSum(own.tax, own.taxable, EXACT.subtract(so_far.amount, earlier.amount))


def _taxed(tax: Tax, net: Decimal, currency: str) -> TaxSum:
    exact = EXACT.multiply(net, EXACT.divide(tax.rate, HUNDRED))
    return TaxSum(tax, net, round_money(exact, currency))
