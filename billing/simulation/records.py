"""Records of simulating a period: its usage by a version, and its bills with their lines."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from billing.metering.rating_inputs.aggregate_quantities import ByMeter
from billing.metering.rating_inputs.rating_period import EMPTY_COUNTER, CounterState, CounterWindow, NewCounters
from lib.decimals import EXACT, exact_sum
from plans.pricing.price_splits import SplitText

FEATURE, FEE, COMMITMENT, COUPON = "feature", "fee", "commitment", "coupon"


class LineKey(NamedTuple):
    """
    Identity of a line, independent of the version: lines of two versions with the same key are compared.

    subject: `feature:<code>`, `fee:<code>`, `commitment`, `coupon:<code>`. detail: for a feature, the dimensions that
    its rate matches, as `model=large`; otherwise the kind of line. starts_at: start of the usage window, or of the
    service.
    """

    subject: str
    detail: str = ""
    starts_at: datetime | None = None


class ComparableLine(NamedTuple):
    """The invoice lines of one key added up, net of tax. quantity: in `unit`, before the meter's rounding."""

    key: LineKey
    description: str
    quantity: Decimal
    unit: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class PeriodBill:
    """
    The bill of a period by one version, net of tax.

    lines: one per key, in the order of the invoice. drawdowns: unit → cost of the prepaid usage in wallets, `XCR` for
    credits. grants: unit → the credits that the version includes for the period, and how many of them expire with it;
    only for a simulated version. problems: why the bill is incomplete, as sentences. is_known: whether the bill could
    be computed at all.
    """

    lines: tuple[ComparableLine, ...] = ()
    drawdowns: Mapping[str, Decimal] = field(default_factory=dict)
    grants: Mapping[str, tuple[Decimal, Decimal]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    is_known: bool = True

    @property
    def total(self) -> Decimal:
        return exact_sum(line.amount for line in self.lines)


@dataclass(frozen=True, slots=True)
class SimulatedPeriod:
    """
    A period [starts_at, ends_at) of a subscription, with its bills.

    before: the invoiced amounts; where the period is open or has late usage without an invoice (`is_settled` is
    False), its bill by the prices in force. after: the bill by each requested version, in the order of the request.
    """

    period_id: int
    subscription_id: int
    version_id: int
    currency: str
    starts_at: datetime
    ends_at: datetime
    is_settled: bool
    before: PeriodBill
    after: tuple[PeriodBill, ...]


class UnpricedQuantity(NamedTuple):
    """Usage that a version has no price for. detail: its dimensions, as `model=large`."""

    name: str
    unit: str
    detail: str
    quantity: Decimal


@dataclass(slots=True)
class CandidateUsage:
    """
    Usage to rate a period by: counters of the candidate version, and usage that it has no price for.

    states: aggregate states counted from events, of meters whose quantity is not a sum.
    split_values: plan feature → the numbered values of its split price.
    error: why the usage can't be counted, if it can't.
    """

    counters: NewCounters = field(default_factory=dict)
    unpriced: list[UnpricedQuantity] = field(default_factory=list)
    states: ByMeter = field(default_factory=dict)
    split_values: dict[int, Mapping[SplitText, int]] = field(default_factory=dict)
    error: Exception | None = None

    def add(self, window: CounterWindow, rate_id: int, added: CounterState) -> None:
        by_rate = self.counters.setdefault(window, {})
        earlier = by_rate.get(rate_id, EMPTY_COUNTER)
        by_rate[rate_id] = CounterState(
            earlier.events + added.events,
            EXACT.add(earlier.quantity, added.quantity),
            EXACT.add(earlier.fingerprint, added.fingerprint),
            EXACT.add(earlier.carried, added.carried),
        )
