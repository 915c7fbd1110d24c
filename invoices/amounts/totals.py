"""
Compute totals from lines, in one fixed order.

Pure arithmetic: exact decimals in and out, no framework, no clock. Where the law sets an order (for tax, EN 16931),
this one follows it; docs/decisions/0003-order-of-arithmetic.md gives the rest.
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
    A tax on a line.

    name: distinguishes two taxes of one rate, such as India's central and state tax. rate: percent. reason: why the
        rate is zero, if the invoice must say so. Lines with equal taxes share one sum.
    """

    name: str
    rate: Decimal
    reason: str = ""


@dataclass(frozen=True, slots=True)
class TaxSum:
    """One tax on a whole invoice. amount: rounded once, on the net sum of its lines."""

    tax: Tax
    taxable: Decimal
    amount: Decimal


@dataclass(slots=True)
class Totals:
    """
    The totals of an invoice, in the currency's major unit; each step of `ORDER` fills in its part.

    includes_tax: whether the lines' amounts include their tax.
    net: the sum of the lines, less the tax that they include. tax: the sum of the taxes. total: net + tax.
    """

    includes_tax: bool = False
    net: Decimal = ZERO
    taxes: tuple[TaxSum, ...] = ()
    tax: Decimal = ZERO
    total: Decimal = ZERO


Taxes = tuple[Tax, ...]
"""The taxes on a line, usually one; a state's and a county's tax are two, each charged on the line's amount."""

TaxedAmount = tuple[Decimal, *Taxes]
"""A line's rounded amount, followed by its taxes."""

Step = Callable[[Totals, Sequence[TaxedAmount], str], None]


def _sum_lines(sums: Totals, taxed_amounts: Sequence[TaxedAmount], currency: str) -> None:
    for amount, *_ in taxed_amounts:
        sums.net = EXACT.add(sums.net, amount)


def _tax_each_rate(sums: Totals, taxed_amounts: Sequence[TaxedAmount], currency: str) -> None:
    if sums.includes_tax:
        _extract_included_tax(sums, taxed_amounts, currency)
        return
    taxable: dict[Tax, Decimal] = {}
    for amount, *taxes in taxed_amounts:
        for tax in taxes:
            taxable[tax] = EXACT.add(taxable.get(tax, ZERO), amount)
    sums.taxes = tuple(_tax_sum(tax, net, currency) for tax, net in taxable.items())


def _extract_included_tax(sums: Totals, taxed_amounts: Sequence[TaxedAmount], currency: str) -> None:
    """
    Extract the taxes from amounts that include them, once for all lines with the same taxes.

    The net is rounded; the tax is the remainder, so that both add up to the gross amount.
    """
    gross_by_taxes: dict[Taxes, Decimal] = {}
    for amount, *line_taxes in taxed_amounts:
        gross_by_taxes[*line_taxes,] = EXACT.add(gross_by_taxes.get((*line_taxes,), ZERO), amount)
    tax_sums: dict[Tax, TaxSum] = {}
    for taxes, gross_amount in gross_by_taxes.items():
        gross_percent = HUNDRED + sum((tax.rate for tax in taxes), ZERO)
        net = round_money(Fraction(gross_amount) * 100 / Fraction(gross_percent), currency)
        sums.net = EXACT.subtract(sums.net, EXACT.subtract(gross_amount, net))
        for tax, amount in zip(taxes, _split_tax(EXACT.subtract(gross_amount, net), taxes, currency), strict=True):
            before = tax_sums.get(tax, TaxSum(tax, ZERO, ZERO))
            tax_sums[tax] = TaxSum(tax, EXACT.add(before.taxable, net), EXACT.add(before.amount, amount))
    sums.taxes = tuple(tax_sums.values())


def _split_tax(amount: Decimal, taxes: Taxes, currency: str) -> tuple[Decimal, ...]:
    """Split an amount of tax over several taxes in proportion to their rates."""
    return allocate(amount, [tax.rate for tax in taxes], minor_unit(currency))


def _add_tax(sums: Totals, taxed_amounts: Sequence[TaxedAmount], currency: str) -> None:
    for tax_sum in sums.taxes:
        sums.tax = EXACT.add(sums.tax, tax_sum.amount)
    sums.total = EXACT.add(sums.net, sums.tax)


ORDER: tuple[Step, ...] = (_sum_lines, _tax_each_rate, _add_tax)
"""The order of arithmetic: lines → tax per rate on their net sum → total. Coupons and credits join it here."""


def total_up(taxed_amounts: Sequence[TaxedAmount], currency: str, *, includes_tax: bool = False) -> Totals:
    """
    Return the totals of lines.

    taxed_amounts: the lines' amounts, each already rounded to the currency's minor unit, of either sign, with their
    taxes.
    includes_tax: whether the amounts include tax: then their sum is the total, and the net is the total less tax.

    Tax is charged on the net sum of all lines of a rate and rounded half-up once per rate, never line by line.

    :raises UnknownCurrency: for a code that ISO 4217 gives no minor unit.

    Source: EN 16931, BR-CO-14 and BR-CO-17; docs/decisions/0003-order-of-arithmetic.md.
    """
    sums = Totals(includes_tax=includes_tax)
    for step in ORDER:
        step(sums, taxed_amounts, currency)
    return sums


def total_up_credit(
    taxed_amounts: Sequence[TaxedAmount],
    currency: str,
    *,
    credited_before: Sequence[TaxedAmount],
    taxes_before: Sequence[TaxSum],
    includes_tax: bool = False,
) -> Totals:
    """
    Return the totals of a credit note, given earlier credit notes of the same invoice.

    taxed_amounts: the credited amounts, above zero where the invoice billed a positive amount. credited_before: the
        amounts that earlier credit notes credited; taxes_before: their taxes.

    Each tax is the tax on everything credited so far, rounded once, minus the tax of the earlier notes. So the notes
    of a fully credited invoice return its tax to the cent, however many there are.

    Source: docs/invoices.md#credit-notes.
    """
    so_far = total_up([*credited_before, *taxed_amounts], currency, includes_tax=includes_tax)
    taxed_before = {tax_sum.tax: tax_sum for tax_sum in taxes_before}
    credited_taxes = {tax for _, *taxes in taxed_amounts for tax in taxes}
    sums = Totals(includes_tax=includes_tax)
    # The sums so far also hold taxes that only earlier notes have returned.
    sums.taxes = tuple(
        _tax_increase(taxed_before.get(tax_sum.tax), tax_sum)
        for tax_sum in so_far.taxes
        if tax_sum.tax in credited_taxes
    )
    for tax_sum in sums.taxes:
        sums.tax = EXACT.add(sums.tax, tax_sum.amount)
    lines = sum((amount for amount, *_ in taxed_amounts), ZERO)
    sums.net = EXACT.subtract(lines, sums.tax) if includes_tax else lines
    sums.total = EXACT.add(sums.net, sums.tax)
    return sums


def _tax_increase(earlier: TaxSum | None, so_far: TaxSum) -> TaxSum:
    """Return the increase of a tax sum over an earlier one."""
    if earlier is None:
        return so_far
    taxable = EXACT.subtract(so_far.taxable, earlier.taxable)
    return TaxSum(so_far.tax, taxable, EXACT.subtract(so_far.amount, earlier.amount))


def _tax_sum(tax: Tax, net: Decimal, currency: str) -> TaxSum:
    exact = EXACT.multiply(net, EXACT.divide(tax.rate, HUNDRED))
    return TaxSum(tax, net, round_money(exact, currency))
