"""Seats and add-ons: how many of them a subscription holds, and since when."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import NamedTuple, Protocol

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import F

from billing.models import Period, Subscription, SubscriptionQuantity
from billing.models.periods import PeriodKind, PeriodState
from billing.models.subscriptions import SubscriptionState
from billing.subscriptions.notifications import announce_update
from lib.audit_log import audited_transaction
from lib.field_types import MOST_SEATS
from plans.catalog.stored_terms import FeeTerms, load_terms
from plans.pricing.quantity_segments import QuantityChange, quantity_at

QuantityChanges = dict[str, tuple[QuantityChange, ...]]
"""Fee code → changes in the order in which they count."""


class QuantityRefused(Exception):
    """A quantity cannot be set as asked; the text says why and what to do. field: where in the request it stands."""

    def __init__(self, text: str, *, field: str = "") -> None:
        super().__init__(text)
        self.field = field


class FeeQuantity(NamedTuple):
    """How many units of a fee a subscription holds at a moment, and what changes later."""

    fee: FeeTerms
    quantity: int
    upcoming: tuple[QuantityChange, ...]


def set_quantity(
    *,
    subscription: Subscription,
    fee_code: str,
    quantity: int,
    at: datetime,
    since: datetime | None = None,
    by: AbstractBaseUser | None = None,
    reason: str = "",
) -> SubscriptionQuantity | None:
    """
    Let a subscription hold `quantity` units of a fee from `since` on; from `at`, which is now, when absent.

    What it costs for the rest of the period, or what is given back for it, comes with the document that closes the
    period. A moment to come is a change that waits; one in the past must lie in a period that is not closed yet.

    Return the new row; None where as many are held already at that moment.

    :raises QuantityRefused: if the plan has no such fee, may not have so many, or the moment is billed or too late.
    """
    since = since or at
    with audited_transaction("set quantity", by=by, at=at, fee=fee_code):
        # Whoever closes a period or adds one waits until the change is there, and the change for them.
        subscription = Subscription.objects.select_for_update(no_key=True).get(pk=subscription.pk)
        _lock_periods(subscription)
        fee = _fee_of(subscription, fee_code)
        _check_quantity(fee, quantity)
        _check_moment(subscription, since)
        changes = read_quantity_changes([subscription.pk]).get(subscription.pk, {})
        if quantity_at(changes.get(fee_code, ()), since, default=fee.least) == quantity:
            return None
        made = SubscriptionQuantity.objects.create(
            subscription=subscription,
            fee_code=fee_code,
            quantity=quantity,
            since=since,
            reason=reason,
            recorded_at=at,
            recorded_by_id=by.pk if by else None,
        )
        told = {"fee": fee_code, "quantity": quantity, "since": since.isoformat()}
        announce_update(subscription, "quantity", at=at, discriminator=str(made.pk), **told)
        return made


def set_initial_quantities(subscription: Subscription, quantities: Mapping[str, int], *, at: datetime) -> None:
    """
    Let a new subscription hold these quantities from its start, within the transaction that makes it.

    :raises QuantityRefused: if its plan has no such fee, or may not have so many.
    """
    for fee_code, quantity in quantities.items():
        fee = _fee_of(subscription, fee_code)
        _check_quantity(fee, quantity)
        if quantity != fee.least:
            SubscriptionQuantity.objects.create(
                subscription=subscription,
                fee_code=fee_code,
                quantity=quantity,
                since=subscription.starts_at,
                recorded_at=at,
            )


def read_quantity_changes(subscription_ids: Collection[int]) -> dict[int, QuantityChanges]:
    """Return subscription → what it holds, in one query; a subscription without changes is left out."""
    found: dict[int, list[SubscriptionQuantity]] = {}
    for row in SubscriptionQuantity.objects.in_order().filter(subscription__in=subscription_ids):
        found.setdefault(row.subscription_id, []).append(row)
    return {subscription_id: to_quantity_changes(rows) for subscription_id, rows in found.items()}


def to_quantity_changes(rows: Iterable[SubscriptionQuantity]) -> QuantityChanges:
    """Return the changes that these rows are, which are in order."""
    found: QuantityChanges = {}
    for row in rows:
        found[row.fee_code] = (*found.get(row.fee_code, ()), QuantityChange(row.since, row.quantity))
    return found


def fee_quantities(
    fees: Iterable[FeeTerms], changes: Mapping[str, tuple[QuantityChange, ...]], *, at: datetime
) -> tuple[FeeQuantity, ...]:
    """Return how many units of each of these fees are held at a moment."""
    return tuple(
        FeeQuantity(
            fee,
            quantity_at(changes.get(fee.code, ()), at, default=fee.least),
            tuple(one for one in changes.get(fee.code, ()) if one.since > at),
        )
        for fee in fees
    )


class PricedPeriod(Protocol):
    """A period, with the version and currency that it is billed by."""

    @property
    def period_id(self) -> int: ...
    @property
    def version_id(self) -> int: ...
    @property
    def currency(self) -> str: ...


def read_fee_quantities(periods: Iterable[PricedPeriod], *, at: datetime) -> dict[int, tuple[FeeQuantity, ...]]:
    """Return period → what its subscription holds at a moment, where its version charges for that: in one query."""
    fees = {one.period_id: load_terms(one.version_id, one.currency).unit_fees for one in periods}
    wanted = [period_id for period_id, held in fees.items() if held]
    if not wanted:
        return {}
    rows: dict[int, list[SubscriptionQuantity]] = {period_id: [] for period_id in wanted}
    of_period = F("subscription__periods__id")
    for row in (
        SubscriptionQuantity.objects.in_order().filter(subscription__periods__in=wanted).annotate(period_id=of_period)
    ):
        rows[row.period_id].append(row)
    return {
        period_id: fee_quantities(fees[period_id], to_quantity_changes(of), at=at) for period_id, of in rows.items()
    }


def _lock_periods(subscription: Subscription) -> None:
    """Hold the open periods, and the last one, which whoever adds a period holds as well."""
    periods = Period.objects.filter(subscription=subscription)
    last = periods.order_by("-starts_at").values_list("pk", flat=True)[:1]
    ids = {*periods.filter(state=PeriodState.OPEN).values_list("pk", flat=True), *last}
    list(Period.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk"))


def _fee_of(subscription: Subscription, fee_code: str) -> FeeTerms:
    held = load_terms(subscription.version_id, subscription.currency).unit_fees
    found = next((fee for fee in held if fee.code == fee_code), None)
    if found is None:
        known = ", ".join(fee.code for fee in held) or "it has none that quantities are held of"
        raise QuantityRefused(
            f"{subscription.version} has no fee “{fee_code}” per seat or add-on: {known}.", field="fee"
        )
    return found


def _check_quantity(fee: FeeTerms, quantity: int) -> None:
    most = MOST_SEATS if fee.most is None else fee.most
    if not fee.least <= quantity <= most:
        raise QuantityRefused(
            f"{quantity:,} is not between {fee.least:,} and {most:,}, as many as may be held of “{fee.label}”.",
            field="quantity",
        )


def _check_moment(subscription: Subscription, since: datetime) -> None:
    if subscription.state == SubscriptionState.ENDED or (subscription.ends_at and since >= subscription.ends_at):
        raise QuantityRefused(
            f"{subscription} ends at {subscription.ends_at}: choose a moment before it.", field="since"
        )
    closed = Period.objects.filter(subscription=subscription, state=PeriodState.CLOSED)
    billed = closed.filter(kind=PeriodKind.REGULAR).order_by("-ends_at").values_list("ends_at", flat=True).first()
    earliest = max(subscription.starts_at, billed or subscription.starts_at)
    if since < earliest:
        why = "it is billed until then" if billed else "it starts then"
        raise QuantityRefused(
            f"{since} is before {earliest}: {why}; choose that moment or a later one.", field="since"
        )
