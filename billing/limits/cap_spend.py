"""Spend of the caps that stop or throttle usage, including the possible cost of reservations."""

from collections.abc import Collection, Iterator, Mapping, Sequence
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
from plans.pricing.usage_limits import MINUTE, SECOND, UseBucket, throttle_wait


@dataclass(frozen=True, slots=True)
class CapSpend:
    """
    A cap and its spend in a period: the invoiced amount so far, and the possible cost of reservations.

    period_id: the subscription's period; None for a customer's cap, which covers all of its subscriptions.
    seconds: recent uses, reservations included, of a cap that throttles.
    """

    cap: Cap
    period_id: int | None
    spent: Decimal
    seconds: tuple[UseBucket, ...] = ()

    @property
    def stops_usage(self) -> bool:
        return self.cap.action == CapAction.STOP

    def retry_after(self, uses: Decimal, *, at: datetime) -> int | None:
        """Return the seconds until a throttle lets more uses through, 0 at once; None for another kind of cap."""
        if self.cap.per_minute is None:
            return None
        # All uses of the last minute count, also those from before the cap's start: their amounts are not stored.
        return throttle_wait(self.seconds, beyond=None, quantity=uses, per_minute=Decimal(self.cap.per_minute), at=at)

    def counts(self, period_id: int, feature_id: int, properties: Mapping[str, str]) -> bool:
        """Return whether usage of a feature in a period, with these properties, counts toward the cap."""
        return (
            self.period_id in (None, period_id)
            and self.cap.applies_to(feature_id)
            and self.cap.match.items() <= properties.items()
        )

    def is_exceeded_by(self, cost: Decimal | None) -> bool:
        """Return whether an additional cost exceeds the cap; None for usage of unknown cost."""
        # Usage of unknown cost stops once the cap is reached; usage that costs nothing never stops.
        if cost is None:
            return self.spent >= self.cap.starts_at_amount
        return cost > 0 and EXACT.add(self.spent, cost) > self.cap.starts_at_amount


class ReservedCost(NamedTuple):
    """The possible cost of open reservations with the same properties in one second, and their events."""

    period_id: int
    feature_id: int
    currency: str
    properties: dict[str, str]
    cost: Decimal
    second: datetime
    events: Decimal


def read_cap_spend(*, customer: str, sandbox: bool, at: datetime) -> list[CapSpend]:
    """Return the caps that stop or throttle a customer's usage, and their spend in the running periods."""
    spend_by_cap: dict[tuple[int, int | None], tuple[Cap, Decimal]] = {}
    for period in current_usage(customer=customer, sandbox=sandbox, at=at):
        for cap_usage in period.caps:
            if cap_usage.cap.action != CapAction.NOTIFY:
                spend_by_cap[cap_usage.cap.id, None if cap_usage.cap.is_of_customer else period.period_id] = (
                    cap_usage.cap,
                    cap_usage.spent,
                )
    throttling_ids = [cap.id for cap, _ in spend_by_cap.values() if cap.action == CapAction.THROTTLE]
    seconds = _read_seconds(throttling_ids, at) if throttling_ids else {}
    # Read only if there is a cap that they count toward.
    reserved_costs = list(_read_reserved_costs(customer, sandbox, at)) if spend_by_cap else []
    return [
        CapSpend(
            cap,
            period_id,
            EXACT.add(
                spent,
                sum((reserved.cost for reserved in reserved_costs if _counts_toward(reserved, cap, period_id)), ZERO),
            ),
            (
                *seconds.get(cap.id, ()),
                *(
                    UseBucket(reserved.second, SECOND, reserved.events)
                    for reserved in reserved_costs
                    if cap.action == CapAction.THROTTLE and _counts_toward(reserved, cap, period_id)
                ),
            ),
        )
        for (_, period_id), (cap, spent) in spend_by_cap.items()
    ]


def _counts_toward(reserved: ReservedCost, cap: Cap, period_id: int | None) -> bool:
    return (
        period_id in (None, reserved.period_id)
        and reserved.currency == cap.currency
        and cap.applies_to(reserved.feature_id)
        and cap.match.items() <= reserved.properties.items()
    )


_RESERVED_COSTS = """
SELECT r.period_id, pf.feature_id, s.currency, r.properties::text, sum(r.cost), date_trunc('second', r.at),
    sum(CASE m.aggregation WHEN 'count' THEN r.quantity ELSE 1 END)
FROM customers_customer cu
JOIN billing_reservation r ON r.customer_id = cu.id AND r.state = 'open' AND r.until > %s AND r.cost > 0
JOIN plans_planfeature pf ON pf.id = r.plan_feature_id
JOIN plans_feature f ON f.id = pf.feature_id JOIN plans_meter m ON m.id = f.meter_id
JOIN billing_period p ON p.id = r.period_id JOIN billing_subscription s ON s.id = p.subscription_id
WHERE cu.sandbox = %s AND cu.external_id = %s GROUP BY r.period_id, pf.feature_id, s.currency, r.properties, 6
"""
_decode_properties = msgspec.json.Decoder(dict[str, str]).decode


def _read_reserved_costs(customer: str, sandbox: bool, at: datetime) -> Iterator[ReservedCost]:
    with prepared_statements.cursor() as cursor:
        cursor.execute(_RESERVED_COSTS, [at, sandbox, customer], binary=True)
        for period_id, feature_id, currency, properties, *sums in cursor.fetchall():
            yield ReservedCost(period_id, feature_id, currency, _decode_properties(properties), *sums)


_SECONDS = "SELECT cap_id, starts_at, events FROM billing_capbucket WHERE cap_id = ANY(%s) AND starts_at > %s"


def _read_seconds(cap_ids: Sequence[int], at: datetime) -> dict[int, list[UseBucket]]:
    """Return the events of the last minute that count toward caps, second by second."""
    seconds: dict[int, list[UseBucket]] = {}
    with prepared_statements.cursor() as cursor:
        cursor.execute(_SECONDS, [list(cap_ids), at - MINUTE - SECOND], binary=True)
        for cap_id, starts_at, events in cursor.fetchall():
            seconds.setdefault(cap_id, []).append(UseBucket(starts_at, SECOND, Decimal(events)))
    return seconds


# Asked for each batch of reported usage, so it only looks whether a stopping cap exists.
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
    """Return those of these customers whose usage a spend cap may stop."""
    with prepared_statements.cursor() as cursor:
        cursor.execute(_WITH_STOPPING_CAPS, [sandbox, list(customers)], binary=True)
        return [name for (name,) in cursor.fetchall()]
