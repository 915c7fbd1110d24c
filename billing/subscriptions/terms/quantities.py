"""Quantities: the seats and add-ons that a subscription holds over time."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import NamedTuple, Protocol

from django.contrib.auth.models import User
from django.db.models import F, QuerySet
from django.utils.translation import gettext as _

from billing.models import Period, Subscription, SubscriptionQuantity
from billing.models.periods import PeriodKind, PeriodState
from billing.models.subscriptions import SubscriptionState
from billing.subscriptions.notifications import announce_update
from lib.audit_log import audited_transaction
from lib.field_types import MAX_SEATS
from plans.catalog.stored_terms import FeeTerms, load_terms
from plans.pricing.quantity_segments import QuantityChange, quantity_at

QuantityChanges = dict[str, tuple[QuantityChange, ...]]
"""Fee code → changes in order of effect."""


class QuantityRefused(Exception):
    """
    The quantity can't be set; the text gives the reason and the remedy. field: the field of the request that is
    wrong.
    """

    def __init__(self, text: str, *, field: str = "") -> None:
        super().__init__(text)
        self.field = field


class FeeQuantity(NamedTuple):
    """The number of units of a fee that a subscription holds at a time, and later changes."""

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
    by: User | None = None,
    reason: str = "",
) -> SubscriptionQuantity | None:
    """
    Set the units of a fee that a subscription holds to `quantity` from `since` on; default: from `at`, which is now.

    The charge or credit for the rest of the period is on the invoice that closes the period. A future time is a
    scheduled change; a past one must lie in a period that is not closed yet.

    Return the new row; None if the quantity is the same already at that time.

    :raises QuantityRefused: if the plan has no such fee, doesn't allow the quantity, or the time is billed already or
        past the end.
    """
    since = since or at
    with audited_transaction("set quantity", by=by, at=at, fee=fee_code):
        # Closing or adding a period waits until the change is stored, and the change waits for them.
        subscription = Subscription.objects.select_for_update(no_key=True).get(pk=subscription.pk)
        _lock_periods(subscription)
        fee = _find_fee(subscription, fee_code)
        _check_quantity(fee, quantity)
        _check_moment(subscription, since)
        changes = read_quantity_changes([subscription.pk]).get(subscription.pk, {})
        # No row for no change: each row is announced and billed.
        if quantity_at(changes.get(fee_code, ()), since, default=fee.least) == quantity:
            return None
        row = SubscriptionQuantity.objects.create(
            subscription=subscription,
            fee_code=fee_code,
            quantity=quantity,
            since=since,
            reason=reason,
            recorded_at=at,
            recorded_by_id=by.pk if by else None,
        )
        announce_update(
            subscription,
            "quantity",
            at=at,
            discriminator=str(row.pk),
            fee=fee_code,
            quantity=quantity,
            since=since.isoformat(),
        )
        return row


def set_initial_quantities(subscription: Subscription, quantities: Mapping[str, int], *, at: datetime) -> None:
    """
    Set the quantities of a new subscription from its start, within the transaction that creates it.

    :raises QuantityRefused: if its plan has no such fee, or doesn't allow the quantity.
    """
    for fee_code, quantity in quantities.items():
        fee = _find_fee(subscription, fee_code)
        _check_quantity(fee, quantity)
        # Without a row the minimum applies.
        if quantity != fee.least:
            SubscriptionQuantity.objects.create(
                subscription=subscription,
                fee_code=fee_code,
                quantity=quantity,
                since=subscription.starts_at,
                recorded_at=at,
            )


def read_quantity_changes(subscription_ids: Collection[int]) -> dict[int, QuantityChanges]:
    """Return subscription → its changes, in one query; a subscription without changes is left out."""
    rows_by_subscription: dict[int, list[SubscriptionQuantity]] = {}
    for row in SubscriptionQuantity.objects.in_order().filter(subscription__in=subscription_ids):
        rows_by_subscription.setdefault(row.subscription_id, []).append(row)
    return {subscription_id: to_quantity_changes(rows) for subscription_id, rows in rows_by_subscription.items()}


def to_quantity_changes(rows: Iterable[SubscriptionQuantity]) -> QuantityChanges:
    """Return the changes in these rows, which are in order."""
    changes: QuantityChanges = {}
    for row in rows:
        changes[row.fee_code] = (*changes.get(row.fee_code, ()), QuantityChange(row.since, row.quantity))
    return changes


def fee_quantities(
    fees: Iterable[FeeTerms], changes: Mapping[str, tuple[QuantityChange, ...]], *, at: datetime
) -> tuple[FeeQuantity, ...]:
    """Return the quantity of each of these fees at a time."""
    return tuple(
        FeeQuantity(
            fee,
            quantity_at(changes.get(fee.code, ()), at, default=fee.least),
            tuple(change for change in changes.get(fee.code, ()) if change.since > at),
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
    """Return period → quantities at a time, for periods whose version charges for any, in one query."""
    fees = {period.period_id: load_terms(period.version_id, period.currency).unit_fees for period in periods}
    period_ids = [period_id for period_id, unit_fees in fees.items() if unit_fees]
    if not period_ids:
        return {}
    rows: dict[int, list[SubscriptionQuantity]] = {period_id: [] for period_id in period_ids}
    quantities: QuerySet[SubscriptionQuantity] = SubscriptionQuantity.objects.in_order().filter(
        subscription__periods__in=period_ids
    )
    for row in quantities.annotate(period_id=F("subscription__periods__id")):
        rows[row.period_id].append(row)
    return {
        period_id: fee_quantities(fees[period_id], to_quantity_changes(period_rows), at=at)
        for period_id, period_rows in rows.items()
    }


def _lock_periods(subscription: Subscription) -> None:
    """Lock the open periods and the last one, which a transaction that adds a period locks too."""
    periods = Period.objects.filter(subscription=subscription)
    last = periods.order_by("-starts_at").values_list("pk", flat=True)[:1]
    ids = {*periods.filter(state=PeriodState.OPEN).values_list("pk", flat=True), *last}
    list(Period.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk"))


def _find_fee(subscription: Subscription, fee_code: str) -> FeeTerms:
    unit_fees = load_terms(subscription.version_id, subscription.currency).unit_fees
    unit_fee = next((fee for fee in unit_fees if fee.code == fee_code), None)
    if unit_fee is None:
        known = ", ".join(fee.code for fee in unit_fees) or _("no fee depends on a quantity")
        raise QuantityRefused(
            _("%(version)s has no fee “%(code)s” per seat or add-on: %(known)s.")
            % {"version": subscription.version, "code": fee_code, "known": known},
            field="fee",
        )
    return unit_fee


def _check_quantity(fee: FeeTerms, quantity: int) -> None:
    maximum = MAX_SEATS if fee.most is None else fee.most
    if not fee.least <= quantity <= maximum:
        raise QuantityRefused(
            _("%(quantity)s is out of range. Enter %(least)s to %(most)s for “%(fee)s”.")
            % {"quantity": f"{quantity:,}", "least": f"{fee.least:,}", "most": f"{maximum:,}", "fee": fee.label},
            field="quantity",
        )


def _check_moment(subscription: Subscription, since: datetime) -> None:
    if subscription.state == SubscriptionState.ENDED or (subscription.ends_at and since >= subscription.ends_at):
        raise QuantityRefused(
            _("%(subscription)s ends at %(time)s. Choose an earlier time.")
            % {"subscription": subscription, "time": f"{subscription.ends_at:%Y-%m-%d %H:%M %Z}"},
            field="since",
        )
    closed = Period.objects.filter(subscription=subscription, state=PeriodState.CLOSED)
    billed = closed.filter(kind=PeriodKind.REGULAR).order_by("-ends_at").values_list("ends_at", flat=True).first()
    # A closed period's quantities are billed and must not change.
    earliest = max(subscription.starts_at, billed or subscription.starts_at)
    if since < earliest:
        reason = _("it is billed until then") if billed else _("it starts then")
        raise QuantityRefused(
            _("%(time)s is before %(earliest)s: %(reason)s. Choose that time or a later one.")
            % {"time": f"{since:%Y-%m-%d %H:%M %Z}", "earliest": f"{earliest:%Y-%m-%d %H:%M %Z}", "reason": reason},
            field="since",
        )
