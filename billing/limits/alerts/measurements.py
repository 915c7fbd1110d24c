"""The value that an alert rule watches, measured for each rule that applies."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from billing.limits.alerts.rule_selection import AlertTarget
from billing.models import AlertRule
from customers.models import Customer
from lib.decimals import ZERO


@dataclass(frozen=True, slots=True)
class Measurement:
    """
    A value that a rule watches.

    crossed_levels: the levels that the value has crossed, the most urgent last.
    limit: None for a kind without one.
    unit: of the value and the limit.
    period_start, period_end: the cycle that the value counts in; period_end is None if the cycle has no known end.
    has_agreed_limit: whether a person has set the limit.
    subscription, feature, wallet: their names.
    """

    alert_rule: AlertRule
    target: AlertTarget
    value: Decimal
    limit: Decimal | None
    unit: str
    crossed_levels: tuple[int, ...]
    period_start: datetime
    period_end: datetime | None = None
    has_agreed_limit: bool = False
    subscription: str = ""
    feature: str = ""
    wallet: str = ""

    @property
    def agreed_limit(self) -> Decimal:
        """The limit that the alert fires for; a new limit lets the same level fire again."""
        return self.limit if self.has_agreed_limit and self.limit is not None else ZERO


def read_seller_ids(customer_ids: Collection[int]) -> dict[int, int]:
    """Return customer → seller."""
    return dict(Customer.objects.filter(pk__in=customer_ids).values_list("pk", "seller_id"))
