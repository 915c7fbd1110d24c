"""May so much of a feature be used? What stands against it, and what would help."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from billing.limits.availability import AvailableFunds, FeatureAvailability, build_availability
from billing.limits.cap_spend import CapSpend, read_cap_spend
from billing.limits.feature_unlocks import FeatureLock, FeatureLocks
from billing.limits.feature_usage import FeatureQuery, FeatureUsageRow, UnknownFeature, is_paused, read_feature_usage
from billing.metering.usage.current_usage import UnknownCustomer
from lib.decimals import EXACT, ZERO
from plans.models.prices import Consumption

__all__ = ["CheckAnswer", "UnknownCustomer", "UnknownFeature", "answer_query", "check"]

NO_PROPERTIES: Mapping[str, str] = {}

NOT_COVERED = "no_subscription"
PAUSED = "paused"
LOCKED = "locked"
CAP_REACHED = "hard_cap_reached"
WALLET_EMPTY = "wallet_empty"
SPEND_CAP_REACHED = "spend_cap_reached"


@dataclass(frozen=True, slots=True)
class CheckAnswer:
    """
    allowed: whether the quantity may be used now. reason: which limit stands against it; empty if none.

    used, reserved, included, remaining: of the running window of use; remaining is None where no quantity limits it.
    resets_at: when the allowance starts anew. cost: what the quantity costs, in the wallet's unit where one pays and
    in the invoice's currency otherwise; None where its properties do not tell. room: what wallets have for it.
    spent: the spend cap that is reached. retry_after: seconds to wait before the next use, where that slows it down.
    lock: what has to be reached before the feature opens.
    when_unreachable: what the product does when it gets no answer: let it through (open), or not (closed).
    """

    allowed: bool
    reason: str
    consumption: str
    used: Decimal
    included: Decimal
    remaining: Decimal | None
    resets_at: datetime | None
    reserved: Decimal = ZERO
    cost: Decimal | None = None
    unit: str = ""
    funds: AvailableFunds | None = None
    reached_cap: CapSpend | None = None
    retry_after: int | None = None
    when_unreachable: str = "open"
    availability: FeatureAvailability | None = None
    feature_lock: FeatureLock | None = None

    def refused(self, reason: str) -> "CheckAnswer":
        """Return the same where another limit turned out to stand against it."""
        return replace(self, allowed=False, reason=reason)


def check(
    *,
    customer: str,
    feature: str,
    quantity: Decimal,
    sandbox: bool,
    at: datetime,
    subscription: str = "",
    properties: Mapping[str, str] = NO_PROPERTIES,
) -> CheckAnswer:
    """
    Answer whether a customer may use `quantity` units of a feature at `at`: zero asks for any at all.

    properties: dimensions of the use to come, such as the model, by which its price is found.

    :raises UnknownCustomer: if there is no such customer.
    :raises UnknownFeature: if there is no such feature.
    """
    return answer_query(FeatureQuery(customer, feature, sandbox, at, subscription), quantity, properties)


def answer_query(asked: FeatureQuery, quantity: Decimal, properties: Mapping[str, str]) -> CheckAnswer:
    """Answer by what is stored now, as `check` does."""
    return answer_from_rows(read_feature_usage(asked), asked, quantity, properties)


def answer_from_rows(
    rows: Sequence[FeatureUsageRow],
    query: FeatureQuery,
    quantity: Decimal = ZERO,
    properties: Mapping[str, str] = NO_PROPERTIES,
    *,
    cap_spends: Sequence[CapSpend] | None = None,
    paused: bool | None = None,
    feature_locks: FeatureLocks | None = None,
) -> CheckAnswer:
    """
    Answer by these rows of a feature.

    spent: what is spent of caps; paused: whether its subscription is paused. Read where they are needed when absent.
    """
    first = rows[0]
    standing = build_availability(rows, query.at)
    if first.plan_feature_id is None:
        if paused is None:
            paused = first.subscription_id is not None and is_paused(first.subscription_id, query.at)
        reason = PAUSED if paused else NOT_COVERED
        return CheckAnswer(False, reason, "", ZERO, ZERO, ZERO, None, when_unreachable=first.when_unreachable)
    if lock := (feature_locks or FeatureLocks(query)).find(first):
        return _locked_answer(first, lock)
    if standing is None:
        ends_at = first.ends_at
        return CheckAnswer(True, "", "", ZERO, ZERO, None, ends_at, when_unreachable=first.when_unreachable)
    return _apply_limits(query, first, standing, quantity, properties, cap_spends)


def _locked_answer(row: FeatureUsageRow, lock: FeatureLock) -> CheckAnswer:
    return CheckAnswer(
        False, LOCKED, "", ZERO, ZERO, ZERO, None, when_unreachable=row.when_unreachable, feature_lock=lock
    )


def _apply_limits(
    asked: FeatureQuery,
    row: FeatureUsageRow,
    standing: FeatureAvailability,
    quantity: Decimal,
    properties: Mapping[str, str],
    caps: Sequence[CapSpend] | None = None,
) -> CheckAnswer:
    feature = standing.feature
    used, reserved = standing.used, standing.reserved_quantity
    reason, remaining, cost, room = "", None, None, None
    if feature.consumption == Consumption.HARD_CAP:
        remaining = max(EXACT.subtract(EXACT.subtract(feature.included, used), reserved), ZERO)
        if quantity > remaining or not remaining:
            reason = CAP_REACHED
    if feature.wallet or row.is_capped:
        rate_id = standing.find_rate(properties) if quantity else None
        cost = None if rate_id is None else standing.additional_cost(quantity, rate_id)
    if feature.wallet:
        room = standing.funds
        if (
            not reason
            and not room.invoices_shortfall
            and (room.available <= 0 if cost is None else cost > room.available)
        ):
            reason = WALLET_EMPTY
    spent = _find_exceeded_cap(asked, standing, cost, properties, caps) if row.is_capped and not reason else None
    if spent is not None and spent.stops_usage:
        reason = SPEND_CAP_REACHED
    return CheckAnswer(
        allowed=not reason,
        reason=reason,
        consumption=feature.consumption,
        used=used,
        included=feature.included,
        remaining=remaining,
        resets_at=standing.resets_at,
        reserved=reserved,
        cost=cost,
        unit=standing.unit,
        funds=room,
        reached_cap=spent,
        retry_after=None if spent is None or spent.stops_usage else spent.retry_after,
        when_unreachable=row.when_unreachable,
        availability=standing,
    )


def _find_exceeded_cap(
    asked: FeatureQuery,
    standing: FeatureAvailability,
    cost: Decimal | None,
    properties: Mapping[str, str],
    caps: Sequence[CapSpend] | None,
) -> CapSpend | None:
    """Return the cap that so much more would pass: one that stops before one that slows down."""
    more = None if cost is None else standing.invoiced_cost(cost)
    period_id, feature_id = standing.period.period_id, standing.feature.feature_id
    if caps is None:
        caps = read_cap_spend(customer=asked.customer, sandbox=asked.sandbox, at=asked.at)
    passed = [one for one in caps if one.counts(period_id, feature_id, properties) and one.is_exceeded_by(more)]
    return min(passed, key=lambda one: not one.stops_usage, default=None)


def find_exceeded_limit(asked: FeatureQuery) -> CheckAnswer | None:
    """Return what stands against a use that is counted already: it is beyond a hard cap, or its feature is closed."""
    rows = read_feature_usage(asked)
    if lock := FeatureLocks(asked).find(rows[0]):
        return _locked_answer(rows[0], lock)
    standing = build_availability(rows, asked.at)
    if standing is None or standing.feature.consumption != Consumption.HARD_CAP:
        return None
    if EXACT.add(standing.used, standing.reserved_quantity) <= standing.feature.included:
        return None
    return _apply_limits(asked, rows[0], standing, ZERO, NO_PROPERTIES)
