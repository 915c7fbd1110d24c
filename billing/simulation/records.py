"""What a simulation says of a period, and of the usage that it bills."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from lib.decimals import EXACT, ZERO

FEATURE, FEE, COMMITMENT, COUPON = "feature", "fee", "commitment", "coupon"


class Place(NamedTuple):
    """
    What a line is about, whichever version it is of: by this, lines of two versions are compared.

    subject: `feature:<code>`, `fee:<code>`, `commitment`, `coupon:<code>`. detail: of a feature, what its rate
    matches, as `model=large`; of others, the kind of line. starts_at: of its window of use, or of what it is for.
    """

    subject: str
    detail: str = ""
    starts_at: datetime | None = None


class Line(NamedTuple):
    """What stands on documents for one place, net of tax. quantity: in `unit`, before the meter's rounding."""

    place: Place
    description: str
    quantity: Decimal
    unit: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Bill:
    """
    What a period comes to, net of tax, by one version.

    lines: one for each place, in the order of the document. burnt: unit → what its prepaid use costs in wallets,
    `XCR` for credits. granted: unit → what the version includes for the period, and what of that lapses with it; told
    of a version that is tried. problems: why it is not all, in words. is_known: whether it can be told at all.
    """

    lines: tuple[Line, ...] = ()
    burnt: Mapping[str, Decimal] = field(default_factory=dict)
    granted: Mapping[str, tuple[Decimal, Decimal]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    is_known: bool = True

    @property
    def total(self) -> Decimal:
        total = ZERO
        for line in self.lines:
            total = EXACT.add(total, line.amount)
        return total


@dataclass(frozen=True, slots=True)
class Simulated:
    """
    A period [starts_at, ends_at) of a subscription.

    before: what was invoiced of it; what the prices in force come to where it is open, or usage of it is late and not
    billed yet (is_settled says so). after: what each version that was asked for would have come to, in that order.
    """

    period_id: int
    subscription_id: int
    version_id: int
    currency: str
    starts_at: datetime
    ends_at: datetime
    is_settled: bool
    before: Bill
    after: tuple[Bill, ...]


class Unpriced(NamedTuple):
    """Usage that a version has no price for. detail: its dimensions, as `model=large`."""

    what: str
    unit: str
    detail: str
    quantity: Decimal
