"""A share of each event's value: of payments, orders, transfers."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from lib.decimals import EXACT, ZERO
from plans.pricing.rate_usage import RateUsage, UsageDetail
from plans.pricing.rating_parts import RatingPart, price_units
from plans.pricing.validation import InvalidCharge, InvalidQuantity, check_percent, check_price, check_units

MAX_FREE_EVENTS = 1_000_000


@dataclass(frozen=True, slots=True)
class Percentage:
    """
    rate × (value − free) + fixed fee × paid events.

    percent: 0 to 1,000, with at most 10 decimal places: 2.9 is 2.9%.
    fixed_fee: due for every paid event.
    free_events, free_value: number of events, and amount of value, that are free at the start of the period; 0 =
    none. With both, the free use ends when the first of them is used up. An event that exceeds the remaining free
    value pays for the excess.
    minimum, maximum: bounds of one paid event's amount, its fixed fee included; None = unbounded.

    Source: docs/pricing.md#percentage.
    """

    percent: Decimal
    fixed_fee: Decimal = ZERO
    free_events: int = 0
    free_value: Decimal = ZERO
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    due_without_usage: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_percent(self.percent, subject="The percentage")
        check_price(self.fixed_fee, subject="The fixed fee")
        if not 0 <= self.free_events <= MAX_FREE_EVENTS:
            raise InvalidCharge(f"Free events may be 0 to {MAX_FREE_EVENTS:,}, not {self.free_events:,}.")
        if self.free_value != 0:
            check_units(self.free_value, subject="The free value")
        for bound, name in ((self.minimum, "minimum"), (self.maximum, "maximum")):
            if bound is not None:
                check_price(bound, subject=f"The {name} per event")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise InvalidCharge(
                f"The minimum per event ({self.minimum:f}) is above the maximum ({self.maximum:f}): no amount fits."
            )

    @property
    def reads(self) -> UsageDetail:
        """The detail of usage needed: "values" where the order of the events, or their single amounts, matter."""
        depends_on_order = self.free_events or (self.free_value and self.fixed_fee)
        return "values" if depends_on_order or self.minimum is not None or self.maximum is not None else "events"

    def rate(self, usage: RateUsage) -> tuple[RatingPart, ...]:
        """
        Return one part for the events charged at the percentage, and one for each bound that events met.

        The first part's units are the value paid on, its price the rate as a fraction; the others' units are events.
        An amount below zero, where returns exceed usage, costs nothing.

        :raises InvalidQuantity: if single values are needed and `usage.values` is None.
        """
        rate = EXACT.scaleb(self.percent, -2)
        if self.reads == "events":
            paid_value = max(EXACT.subtract(usage.quantity, self.free_value), ZERO)
            return _percentage_part(paid_value, rate, EXACT.multiply(self.fixed_fee, Decimal(usage.events)))
        if usage.values is None:
            raise InvalidQuantity("This percentage applies to each event's value, but only their sum was given.")
        paid_value, events_at_rate, events_at_minimum, events_at_maximum = ZERO, 0, 0, 0
        for value in self._paid_values(usage.values):
            amount = EXACT.add(EXACT.multiply(value, rate), self.fixed_fee)
            if self.minimum is not None and amount < self.minimum:
                events_at_minimum += 1
            elif self.maximum is not None and amount > self.maximum:
                events_at_maximum += 1
            else:
                paid_value, events_at_rate = EXACT.add(paid_value, value), events_at_rate + 1
        fees = EXACT.multiply(self.fixed_fee, Decimal(events_at_rate))
        return (
            *_percentage_part(max(paid_value, ZERO), rate, fees),
            *_bound_part(events_at_minimum, self.minimum),
            *_bound_part(events_at_maximum, self.maximum),
        )

    def _paid_values(self, values: tuple[Decimal, ...]) -> Iterator[Decimal]:
        """Yield the chargeable value of each paid event."""
        remaining_free_value = self.free_value or None
        is_free = bool(self.free_events or self.free_value)
        for number, value in enumerate(values, start=1):
            is_free = is_free and remaining_free_value != 0 and (not self.free_events or number <= self.free_events)
            if not is_free:
                yield value
            elif remaining_free_value is not None:
                paid_value = EXACT.subtract(value, remaining_free_value)
                remaining_free_value = max(-paid_value, ZERO)
                if paid_value > 0:
                    yield paid_value


def _percentage_part(paid_value: Decimal, rate: Decimal, fees: Decimal) -> tuple[RatingPart, ...]:
    return (price_units(ZERO, None, paid_value, rate, fees),) if paid_value or fees else ()


def _bound_part(events: int, amount: Decimal | None) -> tuple[RatingPart, ...]:
    return (price_units(ZERO, None, Decimal(events), amount),) if events and amount is not None else ()
