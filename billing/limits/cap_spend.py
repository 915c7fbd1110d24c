"""What is spent of the caps that stop use or slow it down, with what reservations may add."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import msgspec

from billing.metering.rating_inputs.cap_usage import Cap
from billing.metering.usage.current_usage import current_usage
from billing.models.price_overrides import CapAction
from lib import prepared_statements
from lib.decimals import EXACT, ZERO


@dataclass(frozen=True, slots=True)
class CapSpend:
    """
    A cap and what is spent of it in a period: what is invoiced so far, and what reservations may come to.

    period_id: of one subscription's; empty for a customer's cap, which is on all of them.
    """

    cap: Cap
    period_id: int | None
    spent: Decimal

    @property
    def stops_usage(self) -> bool:
        return self.cap.action == CapAction.STOP

    @property
    def retry_after(self) -> int:
        """Seconds from one use to the next, where it slows down."""
        return -(-60 // (self.cap.per_minute or 60))

    def counts(self, period_id: int, feature_id: int, properties: Mapping[str, str]) -> bool:
        """Tell whether use of a feature in a period, of these properties, counts toward it."""
        return (
            self.period_id in (None, period_id)
            and self.cap.applies_to(feature_id)
            and self.cap.match.items() <= properties.items()
        )

    def is_exceeded_by(self, cost: Decimal | None) -> bool:
        """Tell whether so much more is beyond the cap; None for something that costs an unknown amount."""
        if cost is None:
            return self.spent >= self.cap.amount
        return cost > 0 and EXACT.add(self.spent, cost) > self.cap.amount


class ReservedCost(NamedTuple):
    """What open reservations of one kind of use may come to."""

    period_id: int
    feature_id: int
    currency: str
    properties: dict[str, str]
    cost: Decimal


def read_cap_spend(*, customer: str, sandbox: bool, at: datetime) -> list[CapSpend]:
    """Return the caps that stop a customer's use or slow it down, and what is spent of each in running periods."""
    found: dict[tuple[int, int | None], tuple[Cap, Decimal]] = {}
    for period in current_usage(customer=customer, sandbox=sandbox, at=at):
        for one in period.caps:
            if one.cap.action != CapAction.NOTIFY:
                found[one.cap.id, None if one.cap.is_of_customer else period.period_id] = one.cap, one.spent
    kept = list(_read_reserved_costs(customer, sandbox, at)) if found else []
    return [
        CapSpend(
            cap,
            period_id,
            EXACT.add(spent, sum((one.cost for one in kept if _counts_toward(one, cap, period_id)), ZERO)),
        )
        for (_, period_id), (cap, spent) in found.items()
    ]


def _counts_toward(one: ReservedCost, cap: Cap, period_id: int | None) -> bool:
    return (
        period_id in (None, one.period_id)
        and one.currency == cap.currency
        and cap.applies_to(one.feature_id)
        and cap.match.items() <= one.properties.items()
    )


_RESERVED_COSTS = """
SELECT r.period_id, pf.feature_id, s.currency, r.properties::text, sum(r.cost)
FROM customers_customer cu
JOIN billing_reservation r ON r.customer_id = cu.id AND r.state = 'open' AND r.until > %s AND r.cost > 0
JOIN plans_planfeature pf ON pf.id = r.plan_feature_id
JOIN billing_period p ON p.id = r.period_id JOIN billing_subscription s ON s.id = p.subscription_id
WHERE cu.sandbox = %s AND cu.external_id = %s GROUP BY 1, 2, 3, 4
"""
_decode_properties = msgspec.json.Decoder(dict[str, str]).decode


def _read_reserved_costs(customer: str, sandbox: bool, at: datetime) -> Iterator[ReservedCost]:
    with prepared_statements.cursor() as cursor:
        cursor.execute(_RESERVED_COSTS, [at, sandbox, customer], binary=True)
        for period_id, feature_id, currency, properties, cost in cursor.fetchall():
            yield ReservedCost(period_id, feature_id, currency, _decode_properties(properties), cost)


_WITH_STOPPING_CAPS = """
SELECT cu.external_id FROM customers_customer cu
WHERE cu.sandbox = %s AND cu.external_id = ANY(%s) AND (
    EXISTS (SELECT FROM billing_spendcap sc WHERE sc.customer_id = cu.id AND sc.action = 'stop')
    OR EXISTS (
        SELECT FROM billing_subscription s JOIN billing_spendcap sc ON sc.subscription_id = s.id
        WHERE s.customer_id = cu.id AND sc.action = 'stop'
    )
)
"""


def customers_with_stopping_caps(customers: Collection[str], *, sandbox: bool) -> list[str]:
    """Return those of these customers whom a spend cap may stop."""
    with prepared_statements.cursor() as cursor:
        cursor.execute(_WITH_STOPPING_CAPS, [sandbox, list(customers)], binary=True)
        return [name for (name,) in cursor.fetchall()]
