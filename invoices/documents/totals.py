"""
From lines to an amount due, in one fixed order.

Pure arithmetic: exact decimals in and out, no framework, no clock. Where the law has an order (for tax, EN 16931) it
is the law's; docs/decisions/0003-order-of-arithmetic.md gives the rest.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from lib.decimals import EXACT, ZERO
from lib.money import allocate, minor_unit, round_money

HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class Tax:
    """
    The tax that a line falls under.

    name: tells two taxes of one rate apart, as India's central and state tax are. rate: percent. reason: why it is
    zero, where a document must say so. Lines of one tax share one sum.
    """

    name: str
    rate: Decimal
    reason: str = ""


@dataclass(frozen=True, slots=True)
class TaxSum:
    """One tax on a whole document. amount: rounded once, on the net sum of its lines."""

    tax: Tax
    taxable: Decimal
    amount: Decimal


@dataclass(slots=True)
class Totals:
    """
    What a document comes to, in the currency's major unit; each step of `ORDER` fills in its own part.

    includes_tax: whether the lines' amounts include their tax.
    net: the sum of the lines, less the tax that they include. tax: the sum of the taxes. total: net + tax, what is
    claimed.
    """

    includes_tax: bool = False
    net: Decimal = ZERO
    taxes: tuple[TaxSum, ...] = ()
    tax: Decimal = ZERO
    total: Decimal = ZERO


Taxes = tuple[Tax, ...]
"""The taxes that a line falls under, one as a rule; a state's and a county's are two, each charged on the amount."""

Claim = tuple[Decimal, *Taxes]
"""One line: its amount, rounded already, and its taxes."""

Step = Callable[[Totals, Sequence[Claim], str], None]


def _sum_lines(sums: Totals, claims: Sequence[Claim], currency: str) -> None:
    for amount, *_ in claims:
        sums.net = EXACT.add(sums.net, amount)


def _tax_each_rate(sums: Totals, claims: Sequence[Claim], currency: str) -> None:
    if sums.includes_tax:
        _take_out(sums, claims, currency)
        return
    taxable: dict[Tax, Decimal] = {}
    for amount, *taxes in claims:
        for tax in taxes:
            taxable[tax] = EXACT.add(taxable.get(tax, ZERO), amount)
    sums.taxes = tuple(_taxed(tax, net, currency) for tax, net in taxable.items())


def _take_out(sums: Totals, claims: Sequence[Claim], currency: str) -> None:
    """
    Take the taxes out of amounts that include them, once for all lines under the same taxes.

    Net is what they come to without tax, rounded; the tax is the rest, so that both add up to what was asked for.
    """
    gross: dict[Taxes, Decimal] = {}
    for amount, *under in claims:
        gross[*under,] = EXACT.add(gross.get((*under,), ZERO), amount)
    found: dict[Tax, TaxSum] = {}
    for taxes, asked in gross.items():
        whole = HUNDRED + sum((tax.rate for tax in taxes), ZERO)
        net = round_money(Fraction(asked) * 100 / Fraction(whole), currency)
        sums.net = EXACT.subtract(sums.net, EXACT.subtract(asked, net))
        for tax, amount in zip(taxes, _shared(EXACT.subtract(asked, net), taxes, currency), strict=True):
            before = found.get(tax, TaxSum(tax, ZERO, ZERO))
            found[tax] = TaxSum(tax, EXACT.add(before.taxable, net), EXACT.add(before.amount, amount))
    sums.taxes = tuple(found.values())


def _shared(amount: Decimal, taxes: Taxes, currency: str) -> tuple[Decimal, ...]:
    """Share out over several taxes, by their rates, what they come to together."""
    return allocate(amount, [tax.rate for tax in taxes], minor_unit(currency))


def _add_tax(sums: Totals, claims: Sequence[Claim], currency: str) -> None:
    for one in sums.taxes:
        sums.tax = EXACT.add(sums.tax, one.amount)
    sums.total = EXACT.add(sums.net, sums.tax)


ORDER: tuple[Step, ...] = (_sum_lines, _tax_each_rate, _add_tax)
"""The order of arithmetic: lines → tax per rate on their net sum → total. Coupons and credits join it here."""


def total_up(claims: Sequence[Claim], currency: str, *, includes_tax: bool = False) -> Totals:
    """
    Return what lines come to.

    claims: the lines' amounts, each rounded once already to the currency's minor unit, of either sign.
    includes_tax: whether these include their tax: then their sum is the total, and the net is what is left of it.

    Tax is charged on the net sum of all lines of a rate and rounded half-up once per rate, never line by line.

    :raises UnknownCurrency: for a code that ISO 4217 gives no minor unit.

    Source: EN 16931, BR-CO-14 and BR-CO-17; docs/decisions/0003-order-of-arithmetic.md.
    """
    sums = Totals(includes_tax=includes_tax)
    for step in ORDER:
        step(sums, claims, currency)
    return sums


def total_up_credit(
    claims: Sequence[Claim],
    currency: str,
    *,
    before: Sequence[Claim],
    earlier: Sequence[TaxSum],
    includes_tax: bool = False,
) -> Totals:
    """
    Return what a credit note comes to, after others of the same invoice.

    claims: what it takes back, above zero where the invoice claimed something. before: what the others took back of
    lines; earlier: and of taxes.

    Each tax is that of all that is credited by now, rounded once, minus what the others have taken back. So the notes
    of an invoice that is credited whole take back its tax to the cent, into however many it was split.

    Source: docs/invoices.md#credit-notes.
    """
    so_far = total_up([*before, *claims], currency, includes_tax=includes_tax)
    taken = {one.tax: one for one in earlier}
    touched = {tax for _, *taxes in claims for tax in taxes}
    sums = Totals(includes_tax=includes_tax)
    sums.taxes = tuple(_beyond(taken.get(one.tax), one) for one in so_far.taxes if one.tax in touched)
    for one in sums.taxes:
        sums.tax = EXACT.add(sums.tax, one.amount)
    lines = sum((amount for amount, *_ in claims), ZERO)
    sums.net = EXACT.subtract(lines, sums.tax) if includes_tax else lines
    sums.total = EXACT.add(sums.net, sums.tax)
    return sums


def _beyond(earlier: TaxSum | None, so_far: TaxSum) -> TaxSum:
    """Return what the sum of a tax adds to an earlier one."""
    if earlier is None:
        return so_far
    taxable = EXACT.subtract(so_far.taxable, earlier.taxable)
    return TaxSum(so_far.tax, taxable, EXACT.subtract(so_far.amount, earlier.amount))


def _taxed(tax: Tax, net: Decimal, currency: str) -> TaxSum:
    exact = EXACT.multiply(net, EXACT.divide(tax.rate, HUNDRED))
    return TaxSum(tax, net, round_money(exact, currency))
