"""Cut a subscription's periods short: the one that a moment falls in becomes shorter, later ones are removed."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import connection
from django.db.models import ProtectedError

from billing.metering.store.events import last_between
from billing.models import Period, Series, Subscription
from billing.models.periods import PeriodKind, PeriodState
from billing.subscriptions.periods.boundaries import TICK
from plans.catalog.stored_terms import metering_of
from plans.models import PlanFeature


class UsageInTheWay(Exception):
    """Usage is counted for a time that would be cut off; the text says until when."""


def locked_periods(subscription: Subscription) -> list[Period]:
    """
    Return the periods that may change, locked: the open ones and the last one.

    Whoever adds a period holds the last one locked, so once it is ours no more can come; but one may have come while
    we waited for it, so they are read until none is new.
    """
    known: set[int] = set()
    while True:
        ids = _open_and_last(subscription)
        if ids <= known:
            return list(Period.objects.filter(pk__in=known).order_by("starts_at", "kind"))
        known |= ids
        list(Period.objects.select_for_update().filter(pk__in=known).order_by("pk"))


def cannot_be_split(version_ids: Iterable[int]) -> dict[int, str]:
    """
    Return, for each of these versions by which a period cannot be split, why.

    A level or an extreme of either part would be charged as if it were that of a whole period.
    """
    metered = PlanFeature.objects.filter(version__in=version_ids, prices__isnull=False, feature__meter__isnull=False)
    return {
        granted.version_id: f"{granted.feature} is charged by {granted.feature.meter.get_aggregation_display()},"
        " which a change in mid-period would charge twice"
        for granted in metered.select_related("feature__meter").order_by("-pk")
        if metering_of(granted.feature.meter).is_tallied
    }


_LAST_PERIODS = """
SELECT p.id, p.starts_at > %(at)s FROM unnest(%(ids)s::bigint[]) AS s(id)
JOIN LATERAL (SELECT p.id, p.starts_at FROM billing_period p
    WHERE p.subscription_id = s.id AND p.kind = 'regular' ORDER BY p.starts_at DESC LIMIT 2) p ON true
"""
_LOCK = "SELECT id FROM billing_period WHERE id = ANY(%(ids)s) ORDER BY id FOR"


def hold_last_periods(subscription_ids: Sequence[int], *, at: datetime) -> list[int]:
    """
    Lock the last two regular periods of each of these subscriptions, which the caller holds, and return them.

    No period comes after them then. Usage goes on being counted in those that have begun; those to come at `at` may
    be removed.
    """
    known: set[int] = set()
    with connection.cursor() as cursor:
        while True:
            cursor.execute(_LAST_PERIODS, {"ids": list(subscription_ids), "at": at})
            found = dict(cursor.fetchall())
            if found.keys() <= known:
                return list(found)
            known |= found.keys()
            cursor.execute(f"{_LOCK} NO KEY UPDATE", {"ids": list(known)})
            cursor.execute(f"{_LOCK} UPDATE", {"ids": [id_ for id_, is_to_come in found.items() if is_to_come]})


UNUSED = """
    p.state = 'open' AND p.continues_id IS NULL AND NOT p.is_trial
    AND NOT EXISTS (SELECT FROM billing_counter u WHERE u.period_id = p.id)
    AND NOT EXISTS (SELECT FROM billing_series u WHERE u.period_id = p.id)
"""
"""Tells of a locked period `p` that nothing depends on it yet, so that it may be removed and made anew."""


def _open_and_last(subscription: Subscription) -> set[int]:
    periods = Period.objects.filter(subscription=subscription)
    last = periods.order_by("-starts_at").values_list("pk", flat=True)[:1]
    return {*periods.filter(state=PeriodState.OPEN).values_list("pk", flat=True), *last}


def cut(subscription: Subscription, periods: Sequence[Period], ends_at: datetime) -> Period | None:
    """
    Let nothing of these locked periods be left after `ends_at`; return the one that became shorter, if any did.

    :raises UsageInTheWay: if usage is counted for a time after it.
    """
    shorter = None
    grace = subscription.customer.seller.grace
    for period in periods:
        if period.state != PeriodState.OPEN:
            continue
        if period.starts_at < ends_at < period.ends_at:
            _check_usage(subscription, period, ends_at)
            period.ends_at, period.due_at = ends_at, ends_at + grace
            period.revision += 1
            period.save(update_fields=["ends_at", "due_at", "revision"])
            shorter = period
        elif period.starts_at >= ends_at and (period.kind == PeriodKind.REGULAR or ends_at == subscription.starts_at):
            _remove(period, ends_at)
    return shorter


def after_what_is_paid(periods: Sequence[Period], ends_at: datetime) -> datetime:
    """Return the end, or the least bit later where one of these periods begins then that may be paid for already."""
    begins = [one for one in periods if one.starts_at == ends_at and one.kind == PeriodKind.REGULAR]
    closed = Period.objects.filter(ends_at=ends_at, state=PeriodState.CLOSED)
    is_paid = bool(begins) and closed.filter(subscription=begins[0].subscription_id).exists()
    return ends_at + TICK if is_paid else ends_at


def after_usage(subscription: Subscription, running: Period, at: datetime) -> datetime:
    """Return what *now* is in a running period: `at`, or the instant after its last usage, should some be ahead."""
    last = last_usage(subscription, running, at)
    return at if last is None else last + TICK


def last_usage(subscription: Subscription, period: Period, since: datetime) -> datetime | None:
    """Return when the last usage happened that is counted in a period, if that was at `since` or later."""
    return last_between(
        customer_id=subscription.customer_id,
        names=list(Series.objects.filter(period=period).values_list("meter__event_name", flat=True).distinct()),
        since=since,
        until=period.ends_at,
        subscription_refs=[subscription.external_id, *([] if subscription.named else [""])],
    )


def _check_usage(subscription: Subscription, period: Period, ends_at: datetime) -> None:
    """Refuse an end before usage that is counted already, which would then be billed for a time after the end."""
    last = last_usage(subscription, period, ends_at)
    if last is not None:
        raise UsageInTheWay(f"Usage is recorded until {last}: choose a moment after it, not {ends_at}.")


def _remove(period: Period, ends_at: datetime) -> None:
    try:
        period.delete()
    except ProtectedError as error:
        raise UsageInTheWay(
            f"Usage is recorded in the period from {period.starts_at} on: choose a moment after it, not {ends_at}."
        ) from error
