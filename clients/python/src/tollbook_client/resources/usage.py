"""What a customer has used, and what it may still use."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from urllib.parse import quote

from tollbook_client.connection import Connection
from tollbook_client.deserialization import read
from tollbook_client.money import Money


@dataclass(frozen=True, slots=True)
class Cost:
    """An amount in a unit: a currency, or credits."""

    amount: Decimal
    unit: str


@dataclass(frozen=True, slots=True)
class AvailableValue:
    """What wallets have left for a feature."""

    available: Decimal
    unit: str
    is_endless: bool


@dataclass(frozen=True, slots=True)
class UsageCheck:
    """
    Whether a feature may be used, and why not.

    reason: hard_cap_reached, wallet_empty, spend_cap_reached, paused, locked or no_subscription; None if it may.
    remaining: what is left of the allowance; None where nothing ends it. retry_after: seconds to slow down by.
    when_unreachable: what the product does for this feature when there is no answer: open or closed.
    """

    allowed: bool
    reason: str | None
    consumption: str | None
    used: Decimal
    reserved: Decimal
    included: Decimal
    remaining: Decimal | None
    resets_at: datetime | None
    cost: Cost | None
    balance: AvailableValue | None
    retry_after: int | None
    when_unreachable: Literal["open", "closed"]
    remedy: Any = None
    spend_cap: Any = None

    def __bool__(self) -> bool:
        return self.allowed


@dataclass(frozen=True, slots=True)
class RateUsage:
    """What one rate priced."""

    rate: str
    quantity: Decimal
    included: Decimal
    billable: Decimal
    amount: Money


@dataclass(frozen=True, slots=True)
class FeatureUsage:
    """What was used of one feature in a running period. drawn: what wallets paid of it; None where none pays."""

    feature: str
    consumption: str
    unit: str
    events: int
    used: Decimal
    included: Decimal
    remaining: Decimal
    cost: Money
    projected: Money
    drawn: Money | None
    rates: tuple[RateUsage, ...]


@dataclass(frozen=True, slots=True)
class PeriodUsage:
    """A running period. projected: what its usage will come to if it goes on so."""

    subscription: str
    plan: str
    version: int
    start: datetime
    end: datetime
    cost: Money
    projected: Money
    features: tuple[FeatureUsage, ...]


@dataclass(frozen=True, slots=True)
class CustomerUsage:
    """All that a customer uses at the moment."""

    customer: str
    at: datetime
    periods: tuple[PeriodUsage, ...]

    def feature(self, code: str) -> FeatureUsage | None:
        """Return the usage of a feature in the first period that has it."""
        return next((one for period in self.periods for one in period.features if one.feature == code), None)


@dataclass(frozen=True, slots=True)
class UsageInterval:
    """Usage of a meter in one hour, day or month, and of one value where it is grouped."""

    start: datetime
    group: str | None
    quantity: Decimal
    events: int


class UsageResource:
    """`client.usage`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def current(self, customer: str) -> CustomerUsage:
        """Return what was used in the running periods: every event that was answered for is in it."""
        return read(CustomerUsage, self._connection.json("GET", f"/customers/{quote(customer, safe='')}/usage"))

    def breakdown(
        self,
        customer: str,
        *,
        meter: str,
        since: datetime,
        until: datetime,
        window: Literal["hour", "day", "month"] = "day",
        group_by: str | None = None,
    ) -> tuple[UsageInterval, ...]:
        """Return a meter's usage in [since, until), by time and by a dimension."""
        query = {"meter": meter, "since": since, "until": until, "window": window, "group_by": group_by}
        told = self._connection.json("GET", f"/customers/{quote(customer, safe='')}/usage/breakdown", query=query)
        return tuple(read(UsageInterval, one) for one in told["rows"])

    def check(
        self,
        customer: str,
        feature: str,
        quantity: Decimal | int | str = 1,
        *,
        subscription: str = "",
        properties: Mapping[str, str] | None = None,
    ) -> UsageCheck:
        """
        Ask whether a customer may use so much of a feature now. The answer holds nothing: a reservation does.

        :raises NotFound: if there is no such customer or feature.
        """
        body = {"customer": customer, "feature": feature, "quantity": str(quantity), "properties": properties or {}}
        if subscription:
            body["subscription"] = subscription
        return read(UsageCheck, self._connection.json("POST", "/check", body=body))
