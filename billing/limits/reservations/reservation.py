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

from billing.limits.check import NOTHING_KNOWN, WALLET_EMPTY, Answer, answer
from billing.limits.feature_usage import Asked
from billing.limits.reservations.customer_lock import lock_customers, lock_named
from billing.limits.reservations.errors import LimitReached, NotOpen, OtherContent, ReservationRefused
from billing.models import Reservation
from billing.models.reservations import ReservationState
from customers.customer_time import in_time_of
from lib.failpoints import reached
from wallets.credit_rules.at_zero_policy import AtZero
from wallets.ledger import hold
from wallets.ledger.errors import NotEnough
from wallets.ledger.spend import Use
from wallets.models import Hold

LONGEST = timedelta(days=1)
SHORTEST = timedelta(seconds=1)
USUAL = timedelta(minutes=5)
MONEY = Decimal("0.0001")


@transaction.atomic
def reserve(
    *,
    customer: str,
    feature: str,
    quantity: Decimal,
    reference: str,
    sandbox: bool,
    at: datetime,
    lasts: timedelta = USUAL,
    subscription: str = "",
    properties: Mapping[str, str] = NOTHING_KNOWN,
) -> tuple[Reservation, Answer | None]:
    """
    Hold `quantity` units (above zero) of a feature for a while; the same reference again is the same reservation.

    properties: as for a check. lasts: 1 second to 1 day. Return the reservation and how the customer stood before it:
    None for one that was there already.

    :raises LimitReached: if a limit stands against it.
    :raises UnknownCustomer, UnknownFeature: if there is none.
    :raises OtherContent: if the reference names another reservation.
    :raises ReservationRefused: if it lasts too short or long, or no rate is for the properties.
    """
    if not SHORTEST <= lasts <= LONGEST:
        raise ReservationRefused("A reservation lasts 1 second to 1 day.", field="ttl")
    lock_named([customer], sandbox=sandbox)
    found = (
        Reservation.objects.filter(customer__external_id=customer, customer__sandbox=sandbox, reference=reference)
        .select_related("plan_feature__feature", "customer", "hold")
        .first()
    )
    if found is not None:
        return _same(found, feature, quantity, subscription, properties), None
    stands = answer(Asked(customer, feature, sandbox, at, subscription), quantity, properties)
    if not stands.allowed:
        raise LimitReached(stands)
    if stands.standing is None:
        raise ReservationRefused(f"“{feature}” is not metered: there is nothing to reserve.", field="feature")
    return _hold(stands, quantity, reference, at, at + lasts, subscription, properties), stands


def _same(
    found: Reservation, feature: str, quantity: Decimal, subscription: str, properties: Mapping[str, str]
) -> Reservation:
    asked = (feature, quantity, subscription, dict(properties))
    if (found.plan_feature.feature.code, found.quantity, found.subscription_ref, found.properties) != asked:
        raise OtherContent(found)
    return found


def _hold(
    stands: Answer,
    quantity: Decimal,
    reference: str,
    at: datetime,
    until: datetime,
    subscription: str,
    properties: Mapping[str, str],
) -> Reservation:
    standing = stands.standing
    assert standing is not None  # noqa: S101  asked for by `reserve`
    rate_id = standing.rate_of(properties)
    if rate_id is None:
        raise ReservationRefused(
            "No rate is for these properties: name the dimensions it is priced by.", field="properties"
        )
    cost = standing.cost_of(quantity, rate_id)
    kept = None
    if standing.feature.wallet and cost:
        kept = _hold_in_wallets(stands, cost, reference, at, until)
    made = Reservation.objects.create(
        customer_id=standing.row.customer_id,
        period_id=standing.span.period_id,
        plan_feature_id=standing.feature.plan_feature_id,
        reference=reference,
        subscription_ref=subscription,
        properties=dict(properties),
        rate_id=rate_id,
        window_start=standing.starts_at,
        quantity=quantity,
        cost=standing.invoiced_cost_of(cost).quantize(MONEY, ROUND_CEILING),
        hold=kept,
        at=at,
        until=until,
    )
    reached("reservation.after_write")
    return made


def _hold_in_wallets(stands: Answer, cost: Decimal, reference: str, at: datetime, until: datetime) -> Hold:
    standing = stands.standing
    assert standing is not None  # noqa: S101
    feature = standing.feature
    use = Use(cost, at, f"reservation:{reference}", feature.feature_id, AtZero(feature.at_zero), feature.grace)
    try:
        return hold.hold(customer_id=standing.row.customer_id, unit=standing.unit, use=use, until=until)
    except NotEnough as error:
        # Taken since it was read: spending needs the wallet alone.
        raise LimitReached(stands.refused_for(WALLET_EMPTY)) from error


@transaction.atomic
def release(*, reservation_id: int, at: datetime) -> Reservation:
    """
    Give back what is held; once more is no error.

    :raises NotOpen: if it was committed.
    """
    found = locked(reservation_id)
    if found.state == ReservationState.COMMITTED:
        raise NotOpen(found)
    if found.state == ReservationState.OPEN:
        end(found, ReservationState.RELEASED, at=at)
        if found.hold_id is not None:
            hold.release(hold_id=found.hold_id, at=at)
    return found


def locked(reservation_id: int) -> Reservation:
    """Return a reservation as it is while its customer is locked."""
    found = Reservation.objects.select_related("plan_feature__feature", "customer").get(pk=reservation_id)
    lock_customers([found.customer_id])
    found.refresh_from_db(fields=["state", "ended_at", "used"])
    return found


def end(found: Reservation, state: ReservationState, *, at: datetime, used: Decimal | None = None) -> None:
    """Let a reservation end."""
    found.state, found.ended_at, found.used = state, at, used
    found.save(update_fields=["state", "ended_at", "used"])


def lapse_due(*, at: datetime, clock: int | None = None, limit: int = 1_000) -> int:
    """
    Give back what reservations hold whose time is over, and return how many; harmless to run twice or beside.

    clock: of customers in this test clock's time; in real time for None.
    """
    due = Reservation.objects.filter(in_time_of(clock), state=ReservationState.OPEN, until__lte=at).order_by("until")
    ids = list(due.values_list("pk", flat=True)[:limit])
    return sum(_lapse(id_, at=at) for id_ in ids)


@transaction.atomic
def _lapse(reservation_id: int, *, at: datetime) -> bool:
    found = locked(reservation_id)
    if found.state != ReservationState.OPEN:
        return False
    end(found, ReservationState.LAPSED, at=at)
    if found.hold_id is not None:
        hold.release(hold_id=found.hold_id, at=at)
    return True
