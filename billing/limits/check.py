"""May so much of a feature be used? What stands against it, and what would help."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from billing.limits.availability import Room, Standing, standing_of
from billing.limits.cap_spend import Spent, spent_of
from billing.limits.feature_unlocks import Lock, Locks
from billing.limits.feature_usage import Asked, Row, UnknownFeature, paused_at, read
from billing.metering.usage.current_usage import UnknownCustomer
from lib.decimals import EXACT, ZERO
from plans.models.prices import Consumption

__all__ = ["Answer", "UnknownCustomer", "UnknownFeature", "answer", "check"]

NOTHING_KNOWN: Mapping[str, str] = {}

NOT_COVERED = "no_subscription"
PAUSED = "paused"
LOCKED = "locked"
CAP_REACHED = "hard_cap_reached"
WALLET_EMPTY = "wallet_empty"
SPEND_CAP_REACHED = "spend_cap_reached"


@dataclass(frozen=True, slots=True)
class Answer:
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
    room: Room | None = None
    spent: Spent | None = None
    retry_after: int | None = None
    when_unreachable: str = "open"
    standing: Standing | None = None
    lock: Lock | None = None

    def refused_for(self, reason: str) -> "Answer":
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
    properties: Mapping[str, str] = NOTHING_KNOWN,
) -> Answer:
    """
    Answer whether a customer may use `quantity` units of a feature at `at`: zero asks for any at all.

    properties: dimensions of the use to come, such as the model, by which its price is found.

    :raises UnknownCustomer: if there is no such customer.
    :raises UnknownFeature: if there is no such feature.
    """
    return answer(Asked(customer, feature, sandbox, at, subscription), quantity, properties)


def answer(asked: Asked, quantity: Decimal, properties: Mapping[str, str]) -> Answer:
    """Answer by what is stored now, as `check` does."""
    return answer_of(read(asked), asked, quantity, properties)


def answer_of(
    rows: Sequence[Row],
    asked: Asked,
    quantity: Decimal = ZERO,
    properties: Mapping[str, str] = NOTHING_KNOWN,
    *,
    spent: Sequence[Spent] | None = None,
    is_paused: bool | None = None,
    locks: Locks | None = None,
) -> Answer:
    """
    Answer by these rows of a feature.

    spent: what is spent of caps; is_paused: whether its subscription is. Read where they are needed when absent.
    """
    first = rows[0]
    standing = standing_of(rows, asked.at)
    if first.plan_feature_id is None:
        if is_paused is None:
            is_paused = first.subscription_id is not None and paused_at(first.subscription_id, asked.at)
        reason = PAUSED if is_paused else NOT_COVERED
        return Answer(False, reason, "", ZERO, ZERO, ZERO, None, when_unreachable=first.when_unreachable)
    if lock := (locks or Locks(asked)).of(first):
        return _closed(first, lock)
    if standing is None:
        ends_at = first.ends_at
        return Answer(True, "", "", ZERO, ZERO, None, ends_at, when_unreachable=first.when_unreachable)
    return _limited(asked, first, standing, quantity, properties, spent)


def _closed(row: Row, lock: Lock) -> Answer:
    return Answer(False, LOCKED, "", ZERO, ZERO, ZERO, None, when_unreachable=row.when_unreachable, lock=lock)


def _limited(
    asked: Asked,
    row: Row,
    standing: Standing,
    quantity: Decimal,
    properties: Mapping[str, str],
    caps: Sequence[Spent] | None = None,
) -> Answer:
    feature = standing.feature
    used, reserved = standing.used, standing.held
    reason, remaining, cost, room = "", None, None, None
    if feature.consumption == Consumption.HARD_CAP:
        remaining = max(EXACT.subtract(EXACT.subtract(feature.included, used), reserved), ZERO)
        if quantity > remaining or not remaining:
            reason = CAP_REACHED
    if feature.wallet or row.is_capped:
        rate_id = standing.rate_of(properties) if quantity else None
        cost = None if rate_id is None else standing.cost_of(quantity, rate_id)
    if feature.wallet:
        room = standing.room
        if not reason and not room.is_endless and (room.available <= 0 if cost is None else cost > room.available):
            reason = WALLET_EMPTY
    spent = _passed(asked, standing, cost, properties, caps) if row.is_capped and not reason else None
    if spent is not None and spent.stops:
        reason = SPEND_CAP_REACHED
    return Answer(
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
        room=room,
        spent=spent,
        retry_after=None if spent is None or spent.stops else spent.retry_after,
        when_unreachable=row.when_unreachable,
        standing=standing,
    )


def _passed(
    asked: Asked,
    standing: Standing,
    cost: Decimal | None,
    properties: Mapping[str, str],
    caps: Sequence[Spent] | None,
) -> Spent | None:
    """Return the cap that so much more would pass: one that stops before one that slows down."""
    more = None if cost is None else standing.invoiced_cost_of(cost)
    period_id, feature_id = standing.span.period_id, standing.feature.feature_id
    if caps is None:
        caps = spent_of(customer=asked.customer, sandbox=asked.sandbox, at=asked.at)
    passed = [one for one in caps if one.is_of(period_id, feature_id, properties) and one.is_passed_by(more)]
    return min(passed, key=lambda one: not one.stops, default=None)


def beyond_its_cap(asked: Asked) -> Answer | None:
    """Return what stands against a use that is counted already: it is beyond a hard cap, or its feature is closed."""
    rows = read(asked)
    if lock := Locks(asked).of(rows[0]):
        return _closed(rows[0], lock)
    standing = standing_of(rows, asked.at)
    if standing is None or standing.feature.consumption != Consumption.HARD_CAP:
        return None
    if EXACT.add(standing.used, standing.held) <= standing.feature.included:
        return None
    return _limited(asked, rows[0], standing, ZERO, NOTHING_KNOWN)
