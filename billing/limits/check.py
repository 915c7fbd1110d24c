"""Check whether a quantity of a feature may be used, and by which limit it is refused."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from billing.limits.availability import AvailableFunds, FeatureAvailability, build_availability
from billing.limits.cap_spend import CapSpend, read_cap_spend
from billing.limits.feature_unlocks import FeatureLock, FeatureLocks
from billing.limits.feature_usage import FeatureQuery, FeatureUsageRow, UnknownFeature, is_paused, read_feature_usage
from billing.limits.usage_limits import count_uses, limit_states
from billing.metering.usage.current_usage import UnknownCustomer
from lib.decimals import EXACT, ZERO
from plans.models.prices import Consumption
from plans.pricing.usage_limits import LimitState

__all__ = ["CheckAnswer", "UnknownCustomer", "UnknownFeature", "answer_query", "check"]

NO_PROPERTIES: Mapping[str, str] = {}

NOT_COVERED = "no_subscription"
PAUSED = "paused"
LOCKED = "locked"
CAP_REACHED = "hard_cap_reached"
WALLET_EMPTY = "wallet_empty"
SPEND_CAP_REACHED = "spend_cap_reached"
QUOTA_REACHED = "quota_reached"


@dataclass(frozen=True, slots=True)
class CheckAnswer:
    """
    The answer to a check.

    allowed: whether the quantity may be used now.
    reason: the limit that prevents it; empty if none does.
    used, reserved, included: of the running usage window. remaining: the rest of the allowance; None without one.
    resets_at: when the allowance starts again.
    cost: cost of the quantity, in the wallet's unit if one pays, else in the invoice's currency; None if the
        properties don't determine it.
    funds: the wallets' funds for it.
    reached_cap: the spend cap that is reached.
    retry_after: whole seconds until a throttle or quota lets the quantity through; 0 at once, None if none applies.
    when_unreachable: how the product acts without an answer: allow the usage (open), or not (closed).
    feature_lock: the threshold that unlocks the feature.
    limits: the feature's quotas and throttles.
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
    limits: tuple[LimitState, ...] = ()

    def refused(self, reason: str) -> "CheckAnswer":
        """Return the answer with a limit, found later, that prevents the usage."""
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
    Return whether a customer may use `quantity` units of a feature at `at`; zero asks for any usage at all.

    properties: dimensions of the planned usage, such as the model, which determine its price.

    :raises UnknownCustomer: if there is no such customer.
    :raises UnknownFeature: if there is no such feature.
    """
    return answer_query(FeatureQuery(customer, feature, sandbox, at, subscription), quantity, properties)


def answer_query(query: FeatureQuery, quantity: Decimal, properties: Mapping[str, str]) -> CheckAnswer:
    """Answer a query from the stored state, like `check`."""
    return answer_from_rows(read_feature_usage(query), query, quantity, properties)


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
    Answer a query from these rows of a feature.

    cap_spends: spend of the caps.
    paused: whether the feature's subscription is paused.

    Either is read when needed if it is None.
    """
    first = rows[0]
    availability = build_availability(rows, query.at)
    if first.plan_feature_id is None:
        if paused is None:
            paused = first.subscription_id is not None and is_paused(first.subscription_id, query.at)
        reason = PAUSED if paused else NOT_COVERED
        return CheckAnswer(False, reason, "", ZERO, ZERO, ZERO, None, when_unreachable=first.when_unreachable)
    if lock := (feature_locks or FeatureLocks(query)).find(first):
        return _locked_answer(first, lock)
    if availability is None:
        ends_at = first.ends_at
        return CheckAnswer(True, "", "", ZERO, ZERO, None, ends_at, when_unreachable=first.when_unreachable)
    return _apply_limits(query, first, availability, quantity, properties, cap_spends)


def _locked_answer(row: FeatureUsageRow, lock: FeatureLock) -> CheckAnswer:
    return CheckAnswer(
        False, LOCKED, "", ZERO, ZERO, ZERO, None, when_unreachable=row.when_unreachable, feature_lock=lock
    )


def _apply_limits(
    query: FeatureQuery,
    row: FeatureUsageRow,
    availability: FeatureAvailability,
    quantity: Decimal,
    properties: Mapping[str, str],
    caps: Sequence[CapSpend] | None = None,
) -> CheckAnswer:
    feature = availability.feature
    used, reserved = availability.used, availability.reserved_quantity
    reason, cost, funds = "", None, None
    left = availability.remaining(properties)
    is_hard_cap = feature.consumption == Consumption.HARD_CAP
    # A check of zero units is refused at the cap, too.
    if is_hard_cap and (quantity > left or not left):
        reason = CAP_REACHED
    limits = limit_states(availability, quantity, at=query.at)
    if not reason and any(limit.refuses for limit in limits):
        reason = QUOTA_REACHED
    # The cost is computed only where it is limited.
    if feature.wallet or row.is_capped:
        rate_id = availability.find_rate(properties) if quantity else None
        cost = None if rate_id is None else availability.additional_cost(quantity, rate_id)
    if feature.wallet:
        funds = availability.funds
        # An empty wallet refuses nothing if the invoice charges the uncovered amount.
        if (
            not reason
            and not funds.invoices_shortfall
            and (funds.available <= 0 if cost is None else cost > funds.available)
        ):
            reason = WALLET_EMPTY
    exceeded_cap = (
        _find_exceeded_cap(query, availability, quantity, cost, properties, caps)
        if row.is_capped and not reason
        else None
    )
    if exceeded_cap is not None and exceeded_cap.stops_usage:
        reason = SPEND_CAP_REACHED
    return CheckAnswer(
        allowed=not reason,
        reason=reason,
        consumption=feature.consumption,
        used=used,
        included=feature.included,
        remaining=left if is_hard_cap or feature.included else None,
        resets_at=availability.resets_at,
        reserved=reserved,
        cost=cost,
        unit=availability.unit,
        funds=funds,
        reached_cap=exceeded_cap,
        retry_after=_retry_after(limits, exceeded_cap, availability, quantity, at=query.at),
        when_unreachable=row.when_unreachable,
        availability=availability,
        limits=limits,
    )


def _retry_after(
    limits: Sequence[LimitState],
    cap: CapSpend | None,
    availability: FeatureAvailability,
    quantity: Decimal,
    *,
    at: datetime,
) -> int | None:
    """Return the longest wait of all limits; None if none makes the quantity wait."""
    waits = [limit.retry_after for limit in limits]
    if cap is not None:
        waits.append(cap.retry_after(count_uses(quantity, "events", availability.feature), at=at))
    return max((wait for wait in waits if wait is not None), default=None)


def _find_exceeded_cap(
    query: FeatureQuery,
    availability: FeatureAvailability,
    quantity: Decimal,
    cost: Decimal | None,
    properties: Mapping[str, str],
    caps: Sequence[CapSpend] | None,
) -> CapSpend | None:
    """Return the strictest cap that an additional cost exceeds: one that stops usage, or the longest wait."""
    invoiced_cost = None if cost is None else availability.invoiced_cost(cost)
    period_id, feature_id = availability.period.period_id, availability.feature.feature_id
    if caps is None:
        caps = read_cap_spend(customer=query.customer, sandbox=query.sandbox, at=query.at)
    exceeded_caps = [
        cap for cap in caps if cap.counts(period_id, feature_id, properties) and cap.is_exceeded_by(invoiced_cost)
    ]
    uses = count_uses(quantity, "events", availability.feature)
    return max(
        exceeded_caps,
        key=lambda cap: (cap.stops_usage, cap.retry_after(uses, at=query.at) or 0),
        default=None,
    )


def find_exceeded_limit(query: FeatureQuery, *, since: datetime) -> CheckAnswer | None:
    """
    Return the answer for usage that is counted already and exceeds a hard cap or a quota, or whose feature is locked;
    else None.

    since: time of the first usage; the query's is that of the last. Quotas are compared at both.
    """
    rows = read_feature_usage(query)
    if lock := FeatureLocks(query).find(rows[0]):
        return _locked_answer(rows[0], lock)
    availability = build_availability(rows, query.at)
    if availability is None:
        return None
    if (
        availability.feature.consumption == Consumption.HARD_CAP
        and EXACT.add(availability.used, availability.reserved_quantity) > availability.feature.included
    ):
        return _apply_limits(query, rows[0], availability, ZERO, NO_PROPERTIES).refused(CAP_REACHED)
    exceeded = [
        limit
        for at in sorted({since, query.at})
        for limit in limit_states(availability, ZERO, at=at)
        if limit.is_exceeded
    ]
    if any(limit.terms.kind == "quota" and limit.terms.after == "refuse" for limit in exceeded):
        return _apply_limits(query, rows[0], availability, ZERO, NO_PROPERTIES).refused(QUOTA_REACHED)
    return None
