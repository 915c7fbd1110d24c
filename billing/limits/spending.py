"""What is spent of the caps that stop use or slow it down, with what reservations may add."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from billing.models.agreements import CapAction
from billing.usage.capped import Cap
from billing.usage.current import current_usage
from plans import statements
from plans.pricing.exact import EXACT, ZERO


@dataclass(frozen=True, slots=True)
class Spent:
    """
    A cap and what is spent of it in a period: what is invoiced so far, and what reservations may come to.

    per_minute: uses that are let through once it is reached, where it slows down; None where it stops.
    """

    cap: Cap
    period_id: int
    spent: Decimal
    currency: str

    @property
    def stops(self) -> bool:
        return self.cap.action == CapAction.STOP

    @property
    def retry_after(self) -> int:
        """Seconds from one use to the next, where it slows down."""
        return -(-60 // (self.cap.per_minute or 60))

    def is_of(self, period_id: int, feature_id: int) -> bool:
        """Tell whether use of a feature in a period counts towards it."""
        return self.period_id == period_id and self.cap.feature_id in (None, feature_id)

    def is_passed_by(self, cost: Decimal | None) -> bool:
        """Tell whether so much more is beyond the cap; None for something that costs an unknown amount."""
        if cost is None:
            return self.spent >= self.cap.amount
        return cost > 0 and EXACT.add(self.spent, cost) > self.cap.amount


_RESERVED = """
SELECT r.period_id, pf.feature_id, sum(r.cost)
FROM billing_reservation r JOIN plans_planfeature pf ON pf.id = r.plan_feature_id
JOIN customers_customer cu ON cu.id = r.customer_id
WHERE cu.sandbox = %s AND cu.external_id = %s AND r.state = 'open' AND r.until > %s AND r.cost > 0
GROUP BY 1, 2
"""


def spent_of(*, customer: str, sandbox: bool, at: datetime) -> list[Spent]:
    """Return the caps that stop a customer's use or slow it down, and what is spent of each in running periods."""
    found = []
    reserved: dict[tuple[int, int], Decimal] | None = None
    for period in current_usage(customer=customer, sandbox=sandbox, at=at):
        for one in period.caps:
            if one.cap.action == CapAction.NOTIFY:
                continue
            if reserved is None:
                reserved = _reserved(customer, sandbox, at)
            kept = [
                cost
                for (period_id, feature_id), cost in reserved.items()
                if period_id == period.period_id and one.cap.feature_id in (None, feature_id)
            ]
            spent = EXACT.add(one.spent, sum(kept, ZERO))
            found.append(Spent(one.cap, period.period_id, spent, period.terms.currency))
    return found


def _reserved(customer: str, sandbox: bool, at: datetime) -> dict[tuple[int, int], Decimal]:
    with statements.cursor() as cursor:
        cursor.execute(_RESERVED, [sandbox, customer, at], binary=True)
        return {(period_id, feature_id): cost for period_id, feature_id, cost in cursor.fetchall()}


_CAPPED = """
SELECT cu.external_id FROM customers_customer cu
WHERE cu.sandbox = %s AND cu.external_id = ANY(%s) AND EXISTS (
    SELECT FROM billing_subscription s JOIN billing_spendcap sc ON sc.subscription_id = s.id
    WHERE s.customer_id = cu.id AND sc.action = 'stop'
)
"""


def stopped_by_caps(customers: Collection[str], *, sandbox: bool) -> list[str]:
    """Return those of these customers whom a spend cap may stop."""
    with statements.cursor() as cursor:
        cursor.execute(_CAPPED, [sandbox, list(customers)], binary=True)
        return [name for (name,) in cursor.fetchall()]
