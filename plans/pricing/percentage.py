"""A share of what each event is worth: of payments, orders, transfers."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from lib.decimals import EXACT, ZERO
from plans.pricing.rate_usage import Reads, Usage
from plans.pricing.rating_parts import Part, priced
from plans.pricing.validation import InvalidCharge, InvalidQuantity, check_percent, check_price, check_units

MOST_FREE_EVENTS = 1_000_000


@dataclass(frozen=True, slots=True)
class Percentage:
    """
    rate × (value − free) + fixed fee × paid events.

    percent: 0 to 1,000, with at most 10 decimal places: 2.9 is 2.9 %.
    fixed_fee: due for every paid event.
    free_events, free_value: the first so many events, and the first so much value, cost nothing, until whichever is
        given runs out first; 0 = not given. An event that the free value covers in part pays for the rest of it.
    least, most: bounds of what one paid event comes to, its fixed fee included; None = unbounded.

    Source: docs/pricing.md#percentage.
    """

    percent: Decimal
    fixed_fee: Decimal = ZERO
    free_events: int = 0
    free_value: Decimal = ZERO
    least: Decimal | None = None
    most: Decimal | None = None
    due_without_usage: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_percent(self.percent, of="The percentage")
        check_price(self.fixed_fee, of="The fixed fee")
        if not 0 <= self.free_events <= MOST_FREE_EVENTS:
            raise InvalidCharge(f"Free events may be 0 to {MOST_FREE_EVENTS:,}, not {self.free_events:,}.")
        if self.free_value != 0:
            check_units(self.free_value, of="The free value")
        for bound, name in ((self.least, "minimum"), (self.most, "maximum")):
            if bound is not None:
                check_price(bound, of=f"The {name} per event")
        if self.least is not None and self.most is not None and self.least > self.most:
            raise InvalidCharge(
                f"The minimum per event ({self.least:f}) is above the maximum ({self.most:f}): no amount fits."
            )

    @property
    def reads(self) -> Reads:
        """What it must be told; "values" where the order of events, or their single amounts, decide."""
        in_order = self.free_events or (self.free_value and self.fixed_fee)
        return "values" if in_order or self.least is not None or self.most is not None else "events"

    def rate(self, usage: Usage) -> tuple[Part, ...]:
        """
        Return one part for what is paid by the percentage, and one for each bound that events met.

        The first part's units are the value paid on, its price the rate as a fraction; the others' units are events.
        An amount below zero, where more was given back than used, costs nothing.

        :raises InvalidQuantity: if single values are needed and not told.
        """
        rate = EXACT.scaleb(self.percent, -2)
        if self.reads == "events":
            paid = max(EXACT.subtract(usage.quantity, self.free_value), ZERO)
            return _parts(paid, rate, EXACT.multiply(self.fixed_fee, Decimal(usage.events)))
        if usage.values is None:
            raise InvalidQuantity("This percentage is charged on each event's value, and only their sum is told.")
        paid, at_rate, at_least, at_most = ZERO, 0, 0, 0
        for value in self._paid_values(usage.values):
            amount = EXACT.add(EXACT.multiply(value, rate), self.fixed_fee)
            if self.least is not None and amount < self.least:
                at_least += 1
            elif self.most is not None and amount > self.most:
                at_most += 1
            else:
                paid, at_rate = EXACT.add(paid, value), at_rate + 1
        fees = EXACT.multiply(self.fixed_fee, Decimal(at_rate))
        return (
            *_parts(max(paid, ZERO), rate, fees),
            *_bounded(at_least, self.least),
            *_bounded(at_most, self.most),
        )

    def _paid_values(self, values: tuple[Decimal, ...]) -> Iterator[Decimal]:
        """Yield of each paid event the value that it pays on."""
        left = self.free_value or None
        is_free = bool(self.free_events or self.free_value)
        for number, value in enumerate(values, start=1):
            is_free = is_free and left != 0 and (not self.free_events or number <= self.free_events)
            if not is_free:
                yield value
            elif left is not None:
                beyond = EXACT.subtract(value, left)
                left = max(-beyond, ZERO)
                if beyond > 0:
                    yield beyond


def _parts(paid: Decimal, rate: Decimal, fees: Decimal) -> tuple[Part, ...]:
    return (priced(ZERO, None, paid, rate, fees),) if paid or fees else ()


def _bounded(events: int, amount: Decimal | None) -> tuple[Part, ...]:
    return (priced(ZERO, None, Decimal(events), amount),) if events and amount is not None else ()
