"""
Keep a quantity of a feature for a use that is about to happen.

    the customer is locked → what is left is read → it is refused, or held: as quantity, as money, in wallets

Everybody who decides by what is left holds the customer's row, so the sum of what was let through and what is held
never passes a limit. Events that are reported without a check are facts: they are counted whatever the limits say.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal

from django.db import transaction

from billing.limits.check import NO_PROPERTIES, WALLET_EMPTY, CheckAnswer, answer_query
from billing.limits.feature_usage import FeatureQuery
from billing.limits.reservations.customer_lock import lock_customers, lock_customers_by_external_id
from billing.limits.reservations.errors import (
    LimitReached,
    ReservationConflict,
    ReservationNotOpen,
    ReservationRefused,
)
from billing.models import Reservation
from billing.models.reservations import ReservationState
from customers.customer_time import clock_filter
from lib.failpoints import hit_failpoint
from wallets.credit_rules.at_zero_policy import AtZeroPolicy
from wallets.ledger import hold
from wallets.ledger.errors import InsufficientUnits
from wallets.ledger.spend import SpendRequest
from wallets.models import Hold

MAX_DURATION = timedelta(days=1)
MIN_DURATION = timedelta(seconds=1)
DEFAULT_DURATION = timedelta(minutes=5)
COST_STEP = Decimal("0.0001")


@transaction.atomic
def reserve(
    *,
    customer: str,
    feature: str,
    quantity: Decimal,
    reference: str,
    sandbox: bool,
    at: datetime,
    duration: timedelta = DEFAULT_DURATION,
    subscription: str = "",
    properties: Mapping[str, str] = NO_PROPERTIES,
) -> tuple[Reservation, CheckAnswer | None]:
    """
    Hold `quantity` units (above zero) of a feature for a while; the same reference again is the same reservation.

    properties: as for a check. lasts: 1 second to 1 day. Return the reservation and how the customer stood before it:
    None for one that was there already.

    :raises LimitReached: if a limit stands against it.
    :raises UnknownCustomer, UnknownFeature: if there is none.
    :raises OtherContent: if the reference names another reservation.
    :raises ReservationRefused: if it lasts too short or long, or no rate is for the properties.
    """
    if not MIN_DURATION <= duration <= MAX_DURATION:
        raise ReservationRefused("A reservation lasts 1 second to 1 day.", field="ttl")
    lock_customers_by_external_id([customer], sandbox=sandbox)
    found = (
        Reservation.objects.filter(customer__external_id=customer, customer__sandbox=sandbox, reference=reference)
        .select_related("plan_feature__feature", "customer", "hold")
        .first()
    )
    if found is not None:
        return _require_same_content(found, feature, quantity, subscription, properties), None
    stands = answer_query(FeatureQuery(customer, feature, sandbox, at, subscription), quantity, properties)
    if not stands.allowed:
        raise LimitReached(stands)
    if stands.availability is None:
        raise ReservationRefused(f"“{feature}” is not metered: there is nothing to reserve.", field="feature")
    return _create_reservation(stands, quantity, reference, at, at + duration, subscription, properties), stands


def _require_same_content(
    found: Reservation, feature: str, quantity: Decimal, subscription: str, properties: Mapping[str, str]
) -> Reservation:
    asked = (feature, quantity, subscription, dict(properties))
    if (found.plan_feature.feature.code, found.quantity, found.subscription_ref, found.properties) != asked:
        raise ReservationConflict(found)
    return found


def _create_reservation(
    stands: CheckAnswer,
    quantity: Decimal,
    reference: str,
    at: datetime,
    until: datetime,
    subscription: str,
    properties: Mapping[str, str],
) -> Reservation:
    standing = stands.availability
    assert standing is not None  # noqa: S101  asked for by `reserve`
    rate_id = standing.find_rate(properties)
    if rate_id is None:
        raise ReservationRefused(
            "No rate is for these properties: name the dimensions it is priced by.", field="properties"
        )
    cost = standing.additional_cost(quantity, rate_id)
    kept = None
    if standing.feature.wallet and cost:
        kept = _hold_in_wallets(stands, cost, reference, at, until)
    made = Reservation.objects.create(
        customer_id=standing.row.customer_id,
        period_id=standing.period.period_id,
        plan_feature_id=standing.feature.plan_feature_id,
        reference=reference,
        subscription_ref=subscription,
        properties=dict(properties),
        rate_id=rate_id,
        window_start=standing.window_start,
        quantity=quantity,
        cost=standing.invoiced_cost(cost).quantize(COST_STEP, ROUND_CEILING),
        hold=kept,
        at=at,
        until=until,
    )
    hit_failpoint("reservation.after_write")
    return made


def _hold_in_wallets(stands: CheckAnswer, cost: Decimal, reference: str, at: datetime, until: datetime) -> Hold:
    standing = stands.availability
    assert standing is not None  # noqa: S101
    feature = standing.feature
    use = SpendRequest(
        cost,
        at,
        f"reservation:{reference}",
        feature.feature_id,
        AtZeroPolicy(feature.at_zero),
        feature.overdraft_limit,
    )
    try:
        return hold.hold(customer_id=standing.row.customer_id, unit=standing.unit, request=use, until=until)
    except InsufficientUnits as error:
        # Taken since it was read: spending needs the wallet alone.
        raise LimitReached(stands.refused(WALLET_EMPTY)) from error


@transaction.atomic
def release(*, reservation_id: int, at: datetime) -> Reservation:
    """
    Give back what is held; once more is no error.

    :raises NotOpen: if it was committed.
    """
    found = lock_reservation(reservation_id)
    if found.state == ReservationState.COMMITTED:
        raise ReservationNotOpen(found)
    if found.state == ReservationState.OPEN:
        end_reservation(found, ReservationState.RELEASED, at=at)
        if found.hold_id is not None:
            hold.release(hold_id=found.hold_id, at=at)
    return found


def lock_reservation(reservation_id: int) -> Reservation:
    """Return a reservation as it is while its customer is locked."""
    found = Reservation.objects.select_related("plan_feature__feature", "customer").get(pk=reservation_id)
    lock_customers([found.customer_id])
    found.refresh_from_db(fields=["state", "ended_at", "used"])
    return found


def end_reservation(
    found: Reservation, state: ReservationState, *, at: datetime, used: Decimal | None = None
) -> None:
    """Let a reservation end."""
    found.state, found.ended_at, found.used = state, at, used
    found.save(update_fields=["state", "ended_at", "used"])


def lapse_due(*, at: datetime, clock_id: int | None = None, limit: int = 1_000) -> int:
    """
    Give back what reservations hold whose time is over, and return how many; harmless to run twice or beside.

    clock: of customers in this test clock's time; in real time for None.
    """
    due = Reservation.objects.filter(clock_filter(clock_id), state=ReservationState.OPEN, until__lte=at).order_by(
        "until"
    )
    ids = list(due.values_list("pk", flat=True)[:limit])
    return sum(_lapse(id_, at=at) for id_ in ids)


@transaction.atomic
def _lapse(reservation_id: int, *, at: datetime) -> bool:
    found = lock_reservation(reservation_id)
    if found.state != ReservationState.OPEN:
        return False
    end_reservation(found, ReservationState.LAPSED, at=at)
    if found.hold_id is not None:
        hold.release(hold_id=found.hold_id, at=at)
    return True
