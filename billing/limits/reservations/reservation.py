"""
Reserve a quantity of a feature for upcoming usage.

  the customer is locked → the availability is read → the reservation is refused, or held: as quantity, as money, in
  wallets

Every decision that depends on the availability locks the customer's row, so admitted usage and holds together never
exceed a limit. Events reported without a check are facts: they are counted regardless of limits.
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

# A hold lowers the available balance of all others, so a lost client must not keep it for long; a second is the least
# that a request and its commit need.
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
    Reserve `quantity` units (above zero) of a feature for a while; the same reference returns the same reservation.

    properties: as for a check.
    duration: 1 second to 1 day.

    Return the reservation and the answer to the check before it; None for a reservation that existed already.

    :raises LimitReached: if a limit prevents it.
    :raises UnknownCustomer: if there is no such customer.
    :raises UnknownFeature: if there is no such feature.
    :raises ReservationConflict: if the reference belongs to another reservation.
    :raises ReservationRefused: if the duration is too short or long, or no rate matches the properties.
    """
    if not MIN_DURATION <= duration <= MAX_DURATION:
        raise ReservationRefused("A reservation lasts from 1 second to 1 day.", field="ttl")
    lock_customers_by_external_id([customer], sandbox=sandbox)
    reservation = (
        Reservation.objects.filter(customer__external_id=customer, customer__sandbox=sandbox, reference=reference)
        .select_related("plan_feature__feature", "customer", "hold")
        .first()
    )
    if reservation is not None:
        return _require_same_content(reservation, feature, quantity, subscription, properties), None
    answer = answer_query(FeatureQuery(customer, feature, sandbox, at, subscription), quantity, properties)
    if not answer.allowed:
        raise LimitReached(answer, quantity=quantity)
    if answer.availability is None:
        raise ReservationRefused(f"“{feature}” is not metered, so it can't be reserved.", field="feature")
    return _create_reservation(answer, quantity, reference, at, at + duration, subscription, properties), answer


def _require_same_content(
    reservation: Reservation, feature: str, quantity: Decimal, subscription: str, properties: Mapping[str, str]
) -> Reservation:
    requested = (feature, quantity, subscription, dict(properties))
    if (
        reservation.plan_feature.feature.code,
        reservation.quantity,
        reservation.subscription_ref,
        reservation.properties,
    ) != requested:
        raise ReservationConflict(reservation)
    return reservation


def _create_reservation(
    answer: CheckAnswer,
    quantity: Decimal,
    reference: str,
    at: datetime,
    until: datetime,
    subscription: str,
    properties: Mapping[str, str],
) -> Reservation:
    availability = answer.availability
    assert availability is not None  # noqa: S101  checked by `reserve`
    rate_id = availability.find_rate(properties)
    if rate_id is None:
        raise ReservationRefused(
            "No rate matches these properties; send the dimensions that determine its price.", field="properties"
        )
    cost = availability.additional_cost(quantity, rate_id)
    wallet_hold = None
    if availability.feature.wallet and cost:
        wallet_hold = _hold_in_wallets(answer, cost, reference, at, until)
    reservation = Reservation.objects.create(
        customer_id=availability.row.customer_id,
        period_id=availability.period.period_id,
        plan_feature_id=availability.feature.plan_feature_id,
        reference=reference,
        subscription_ref=subscription,
        properties=dict(properties),
        rate_id=rate_id,
        window_start=availability.window_start,
        quantity=quantity,
        # Rounded up, so that reservations never hold less than the later charge.
        cost=availability.invoiced_cost(cost).quantize(COST_STEP, ROUND_CEILING),
        hold=wallet_hold,
        at=at,
        until=until,
    )
    hit_failpoint("reservation.after_write")
    return reservation


def _hold_in_wallets(answer: CheckAnswer, cost: Decimal, reference: str, at: datetime, until: datetime) -> Hold:
    availability = answer.availability
    assert availability is not None  # noqa: S101
    feature = availability.feature
    use = SpendRequest(
        cost,
        at,
        f"reservation:{reference}",
        feature.feature_id,
        AtZeroPolicy(feature.at_zero),
        feature.overdraft_limit,
    )
    try:
        row = availability.row
        return hold.hold(
            customer_id=row.customer_id, seller_id=row.seller_id, unit=availability.unit, request=use, until=until
        )
    except InsufficientUnits as error:
        # Another transaction has spent the units since they were read: spending locks only the wallet, not the
        # customer.
        raise LimitReached(answer.refused(WALLET_EMPTY)) from error


@transaction.atomic
def release(*, reservation_id: int, at: datetime) -> Reservation:
    """
    Release a reservation; repeating it is no error.

    :raises ReservationNotOpen: if it was committed.
    """
    reservation = lock_reservation(reservation_id)
    if reservation.state == ReservationState.COMMITTED:
        raise ReservationNotOpen(reservation)
    if reservation.state == ReservationState.OPEN:
        end_reservation(reservation, ReservationState.RELEASED, at=at)
        if reservation.hold_id is not None:
            hold.release(hold_id=reservation.hold_id, at=at)
    return reservation


def lock_reservation(reservation_id: int) -> Reservation:
    """Lock the customer of a reservation, and return the reservation's state under the lock."""
    reservation = Reservation.objects.select_related("plan_feature__feature", "customer").get(pk=reservation_id)
    lock_customers([reservation.customer_id])
    reservation.refresh_from_db(fields=["state", "ended_at", "used"])
    return reservation


def end_reservation(
    reservation: Reservation, state: ReservationState, *, at: datetime, used: Decimal | None = None
) -> None:
    """Store the end of a reservation."""
    reservation.state, reservation.ended_at, reservation.used = state, at, used
    reservation.save(update_fields=["state", "ended_at", "used"])


def lapse_due(*, at: datetime, clock_id: int | None = None, limit: int = 1_000) -> int:
    """
    Release expired reservations, and return how many. Safe to repeat and to run concurrently.

    clock_id: limits the work to customers on this test clock; None means real time.
    """
    due = Reservation.objects.filter(clock_filter(clock_id), state=ReservationState.OPEN, until__lte=at).order_by(
        "until"
    )
    # Each in a transaction of its own, so that no customer is locked for long.
    ids = list(due.values_list("pk", flat=True)[:limit])
    return sum(_lapse(id_, at=at) for id_ in ids)


@transaction.atomic
def _lapse(reservation_id: int, *, at: datetime) -> bool:
    reservation = lock_reservation(reservation_id)
    if reservation.state != ReservationState.OPEN:
        return False
    end_reservation(reservation, ReservationState.LAPSED, at=at)
    if reservation.hold_id is not None:
        hold.release(hold_id=reservation.hold_id, at=at)
    return True
