"""Recurring amounts by the month: fees of any interval, discounts without an end, minimum commitments."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from lib.decimals import HALF_UP
from lib.money import round_money

MONTHS: dict[str, Fraction] = {
    "hour": Fraction(12, 365 * 24),
    "day": Fraction(12, 365),
    "week": Fraction(12, 52),
    "month": Fraction(1),
    "quarter": Fraction(3),
    "year": Fraction(12),
}
"""The length of an interval in months: a year has 365 days and 52 weeks."""

ROW_PLACES = 20
"""Decimal places of a customer's figure, which is rounded half up from its exact fraction."""

# Sums of rounded figures are off by less than this place. Rounding to it first restores an amount that lies exactly
# halfway between two minor units.
_SUM_UNIT = Decimal("1e-12")


def interval_months(unit: str, count: int = 1) -> Fraction:
    """
    Return the length of an interval in months, exactly.

    unit: hour, day, week, month, quarter or year. count: 1 or more.

    :raises ValueError: for another unit, or a count below 1.

    Source: docs/metrics.md#intervals.
    """
    if unit not in MONTHS:
        raise ValueError(f"An interval is counted in {', '.join(MONTHS)}, not {unit!r}.")
    if count < 1:
        raise ValueError(f"An interval has 1 unit or more, not {count}.")
    return MONTHS[unit] * count


@dataclass(frozen=True, slots=True)
class RecurringFee:
    """
    A recurring fee of a live subscription.

    amount: of all units for one interval, in the currency's major unit. months: the length of that interval.
    code: the fee's. subscription: any key that tells subscriptions of one customer apart.
    """

    amount: Decimal | Fraction
    months: Fraction
    code: str = ""
    subscription: int = 0

    @property
    def monthly(self) -> Fraction:
        return Fraction(self.amount) / self.months


@dataclass(frozen=True, slots=True)
class PermanentDiscount:
    """
    A coupon without an end: a percentage, or an amount for each of its periods of `months`.

    fees: codes of the only fees that it discounts; None for all fees. subscription: of its holder; None if the
    customer holds it.
    """

    percent: Decimal | None = None
    amount: Decimal | None = None
    months: Fraction = Fraction(1)
    fees: frozenset[str] | None = None
    subscription: int | None = None

    def covers(self, fee: RecurringFee) -> bool:
        """Return whether it discounts a fee."""
        return (self.fees is None or fee.code in self.fees) and self.subscription in (None, fee.subscription)


def net_fees(fees: Sequence[RecurringFee], discounts: Iterable[PermanentDiscount]) -> Fraction:
    """
    Return the monthly amount of a customer's fees less these discounts, exactly.

    discounts: in their order of application; each takes its share of what the earlier ones left, an amount at most
    all of it, from each fee in proportion.

    Source: docs/metrics.md#discounts.
    """
    rest = [fee.monthly for fee in fees]
    for discount in discounts:
        base = sum((left for fee, left in zip(fees, rest, strict=True) if discount.covers(fee)), Fraction(0))
        if not base:
            continue
        if discount.percent is not None:
            share = Fraction(discount.percent) / 100
        else:
            share = min(Fraction(discount.amount or 0) / discount.months / base, Fraction(1))
        rest = [left * (1 - share) if discount.covers(fee) else left for fee, left in zip(fees, rest, strict=True)]
    return sum(rest, Fraction(0))


def gross_fees(fees: Iterable[RecurringFee]) -> Fraction:
    """Return the monthly amount of fees before discounts, exactly."""
    return sum((fee.monthly for fee in fees), Fraction(0))


def annual(monthly: Fraction) -> Fraction:
    """Return the annual amount (ARR) of a monthly one."""
    return 12 * monthly


def round_row(amount: Fraction) -> Decimal:
    """
    Return a customer's figure as it is stored: rounded half up to 20 decimal places.

    Source: docs/metrics.md#rounding.
    """
    steps = abs(amount) * 10**ROW_PLACES
    count = (2 * steps.numerator + steps.denominator) // (2 * steps.denominator)
    return Decimal(count if amount >= 0 else -count).scaleb(-ROW_PLACES, context=HALF_UP)


def round_sum(amount: Decimal | Fraction, currency: str) -> Decimal:
    """
    Return a sum of customers' figures in the currency's minor unit, rounded half up once.

    Three yearly fees of 100.30 are 25.075 a month, which becomes 25.08, although their stored figures sum to
    25.07499999999999999999.

    Source: docs/metrics.md#rounding.
    """
    if isinstance(amount, Decimal):
        amount = amount.quantize(_SUM_UNIT, context=HALF_UP)
    return round_money(amount, currency)
