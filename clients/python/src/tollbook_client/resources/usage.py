"""A customer's usage, and checks of its entitlements."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from urllib.parse import quote

from tollbook_client.deserialization import read
from tollbook_client.money import Money
from tollbook_client.resources import Resource


@dataclass(frozen=True, slots=True)
class Cost:
    """An amount in a unit: a currency, or credits."""

    amount: Decimal
    unit: str


@dataclass(frozen=True, slots=True)
class AvailableValue:
    """The value left in wallets for a feature."""

    available: Decimal
    unit: str
    is_endless: bool


@dataclass(frozen=True, slots=True)
class UsageCheck:
    """
    Whether a feature may be used, and the reason if not.

    reason: hard_cap_reached, wallet_empty, spend_cap_reached, paused, locked or no_subscription; None if it may be
        used.
    remaining: the rest of the allowance; None without a limit. retry_after: seconds to slow down by.
    when_unreachable: the product's behavior for this feature without a response: open or closed.
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
    """The usage priced by one rate."""

    rate: str
    quantity: Decimal
    included: Decimal
    billable: Decimal
    amount: Money


@dataclass(frozen=True, slots=True)
class FeatureUsage:
    """The usage of one feature in a current period. drawn: the part that wallets paid; None if no wallet pays."""

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
    """A current period. projected: the cost at its end if usage continues at this pace."""

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
    """A customer's usage in all current periods."""

    customer: str
    at: datetime
    periods: tuple[PeriodUsage, ...]

    def feature(self, code: str) -> FeatureUsage | None:
        """Return the usage of a feature in the first period that has it."""
        return next(
            (
                feature_usage
                for period in self.periods
                for feature_usage in period.features
                if feature_usage.feature == code
            ),
            None,
        )


@dataclass(frozen=True, slots=True)
class UsageInterval:
    """Usage of a meter in one minute, hour, day or month, and of one dimension value if it is grouped."""

    start: datetime
    group: str | None
    quantity: Decimal
    events: int


class UsageResource(Resource):
    """`client.usage`."""

    def current(self, customer: str) -> CustomerUsage:
        """Return the usage of the current periods, which includes every event that the server has answered for."""
        return self._call(CustomerUsage, "GET", f"/customers/{quote(customer, safe='')}/usage")

    def breakdown(
        self,
        customer: str,
        *,
        meter: str,
        since: datetime,
        until: datetime,
        window: Literal["minute", "hour", "day", "month"] = "day",
        group_by: str | None = None,
    ) -> tuple[UsageInterval, ...]:
        """
        Return a meter's usage in [since, until), by time and by a dimension; by minute for at most 6 hours.

        :raises InvalidFields: if the interval is too long for the window, or has too much usage.
        """
        query = {"meter": meter, "since": since, "until": until, "window": window, "group_by": group_by}
        document = self._connection.json("GET", f"/customers/{quote(customer, safe='')}/usage/breakdown", query=query)
        return tuple(read(UsageInterval, row) for row in document["rows"])

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
        Check whether a customer may use a quantity of a feature now. This reserves nothing; use a reservation for
        that.

        :raises NotFound: if the customer or feature does not exist.
        """
        body = {"customer": customer, "feature": feature, "quantity": str(quantity), "properties": properties or {}}
        if subscription:
            body["subscription"] = subscription
        return self._call(UsageCheck, "POST", "/check", body=body)
