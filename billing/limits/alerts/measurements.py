"""What is watched, as it stands: a reading for each rule that holds."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from billing.limits.alerts.rule_selection import Subject
from billing.models import AlertRule
from customers.models import Customer
from lib.decimals import ZERO


@dataclass(frozen=True, slots=True)
class Reading:
    """
    A value that a rule watches.

    crossed: the levels that it has crossed, the most urgent last. limit: None where there is none.
    unit: what both are in. since, ends_at: the cycle that it counts in; ends_at is None where nobody knows.
    is_agreed: whether somebody has set the limit. subscription, feature, wallet: what they are called.
    """

    rule: AlertRule
    of: Subject
    value: Decimal
    limit: Decimal | None
    unit: str
    crossed: tuple[int, ...]
    since: datetime
    ends_at: datetime | None = None
    is_agreed: bool = False
    subscription: str = ""
    feature: str = ""
    wallet: str = ""

    @property
    def agreed_limit(self) -> Decimal:
        """The limit that it fires for: once it is set to another, the same level may be crossed anew."""
        return self.limit if self.is_agreed and self.limit is not None else ZERO


def sellers_of(customer_ids: Collection[int]) -> dict[int, int]:
    """Return customer → seller."""
    return dict(Customer.objects.filter(pk__in=customer_ids).values_list("pk", "seller_id"))
