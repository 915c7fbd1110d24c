"""Shorten or remove the periods of a subscription after a cutoff."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db.models import Exists, OuterRef, ProtectedError
from django.utils.translation import gettext as _

from billing.models import Event, Period, Series, Subscription
from billing.models.periods import PeriodKind, PeriodState
from billing.subscriptions.periods.boundaries import TICK
from lib import sql
from plans.catalog.stored_terms import MeteringTerms, metering_terms
from plans.models import PlanFeature, Rate


class UsageAfterCutoff(Exception):
    """Usage is counted after the cutoff; the message says until when."""


def lock_periods(subscription: Subscription) -> list[Period]:
    """Lock and return the periods that may change: the open ones and the last one."""
    # Adding a period locks the last one first, so once we hold that lock none can be added. One may have been added
    # while we waited for the lock, so read again until no period is new.
    locked_ids: set[int] = set()
    while True:
        period_ids = _read_open_and_last_ids(subscription)
        if period_ids <= locked_ids:
            return list(Period.objects.filter(pk__in=locked_ids).order_by("starts_at", "kind"))
        locked_ids |= period_ids
        list(Period.objects.select_for_update().filter(pk__in=locked_ids).order_by("pk"))


def split_blockers(version_ids: Iterable[int]) -> dict[int, str]:
    """
    Return version id → reason, for those of these versions whose periods can't be split.

    An extreme (maximum, average ...) or a level at one time (latest value, distinct values) of each part would be
    charged like that of a whole period. A level that is weighted by its duration splits exactly.
    """
    default_rates = Rate.objects.filter(price__plan_feature=OuterRef("pk"), match={})
    priced_features = PlanFeature.objects.filter(version__in=version_ids, prices__isnull=False)
    return {
        plan_feature.version_id: reason
        for plan_feature in priced_features.annotate(has_default_rate=Exists(default_rates))
        .select_related("feature__meter", "version__plan")
        .order_by("-pk")
        if (reason := _split_blocker(plan_feature, has_default_rate=plan_feature.has_default_rate))
    }


def _split_blocker(plan_feature: PlanFeature, *, has_default_rate: bool) -> str:
    feature, meter = plan_feature.feature, plan_feature.feature.meter
    metering = MeteringTerms("count") if meter is None else metering_terms(meter)
    if metering.needs_aggregate_state and not metering.is_held_over_time:
        return (
            f"{feature} is charged by {meter.get_aggregation_display()},"  # type: ignore[union-attr]  # has a meter
            " which a mid-period change would charge twice."
        )
    # A level that isn't recurring may have been used at a rate that the other version doesn't have.
    if metering.continues_level and not has_default_rate:
        return f"{feature} keeps its level in a mid-period change, and {plan_feature.version} has no default rate."
    return ""


_LAST_PERIODS = """
SELECT p.id, p.starts_at > %(at)s FROM unnest(%(ids)s::bigint[]) AS s(id)
JOIN LATERAL (SELECT p.id, p.starts_at FROM billing_period p
    WHERE p.subscription_id = s.id AND p.kind = 'regular' ORDER BY p.starts_at DESC LIMIT 2) p ON true
"""
_LOCK_PERIODS = "SELECT id FROM billing_period WHERE id = ANY(%(ids)s) ORDER BY id FOR"


def lock_last_periods(subscription_ids: Sequence[int], *, at: datetime) -> list[int]:
    """
    Lock the last two regular periods of each of these subscriptions and return their ids; the caller has locked the
    subscriptions.

    No period can be added after them then. Periods that have begun are locked so that usage can still be counted in
    them; periods that begin after `at` are locked for removal.
    """
    locked_ids: set[int] = set()
    while True:
        # Read again under the locks: a period may have been added while we waited.
        is_upcoming_by_id = dict(sql.fetch_rows(_LAST_PERIODS, {"ids": list(subscription_ids), "at": at}))
        if is_upcoming_by_id.keys() <= locked_ids:
            return list(is_upcoming_by_id)
        locked_ids |= is_upcoming_by_id.keys()
        sql.execute(f"{_LOCK_PERIODS} NO KEY UPDATE", {"ids": list(locked_ids)})
        upcoming_ids = [period_id for period_id, is_upcoming in is_upcoming_by_id.items() if is_upcoming]
        # FOR UPDATE also conflicts with the KEY SHARE lock of ingest, which must not count in a removed period.
        sql.execute(f"{_LOCK_PERIODS} UPDATE", {"ids": upcoming_ids})


UNUSED_PERIOD = """
    p.state = 'open' AND p.continues_id IS NULL AND NOT p.is_trial
    AND NOT EXISTS (SELECT FROM billing_counter u WHERE u.period_id = p.id)
    AND NOT EXISTS (SELECT FROM billing_series u WHERE u.period_id = p.id)
    AND NOT EXISTS (SELECT FROM billing_splitvalue u WHERE u.period_id = p.id)
"""
"""SQL condition: nothing depends on the locked period `p` yet, so it may be removed and generated again."""


def _read_open_and_last_ids(subscription: Subscription) -> set[int]:
    periods = Period.objects.filter(subscription=subscription)
    last_ids = periods.order_by("-starts_at").values_list("pk", flat=True)[:1]
    return {*periods.filter(state=PeriodState.OPEN).values_list("pk", flat=True), *last_ids}


def shorten_periods(subscription: Subscription, periods: Sequence[Period], ends_at: datetime) -> Period | None:
    """
    End these locked periods at `ends_at` and remove the later ones; return the period that became shorter, if any.

    :raises UsageAfterCutoff: if usage is counted after `ends_at`.
    """
    shortened = None
    grace = subscription.seller.grace
    for period in periods:
        if period.state != PeriodState.OPEN:
            continue
        if period.starts_at < ends_at < period.ends_at:
            _check_no_usage_after(subscription, period, ends_at)
            period.ends_at, period.due_at = ends_at, ends_at + grace
            period.revision += 1
            period.save(update_fields=["ends_at", "due_at", "revision"])
            shortened = period
        elif period.starts_at >= ends_at and (period.kind == PeriodKind.REGULAR or ends_at == subscription.starts_at):
            _delete_period(period, ends_at)
    return shortened


def skip_paid_boundary(periods: Sequence[Period], ends_at: datetime) -> datetime:
    """Return `ends_at`, or one tick later if a period begins then that may already be paid for."""
    starting_periods = [
        period for period in periods if period.starts_at == ends_at and period.kind == PeriodKind.REGULAR
    ]
    closed_periods = Period.objects.filter(ends_at=ends_at, state=PeriodState.CLOSED)
    is_paid = (
        bool(starting_periods) and closed_periods.filter(subscription=starting_periods[0].subscription_id).exists()
    )
    return ends_at + TICK if is_paid else ends_at


def moment_after_usage(subscription: Subscription, period: Period, at: datetime) -> datetime:
    """Return `at`, or the instant after the period's last usage if that is later."""
    last_used_at = last_usage_at(subscription, period, at)
    return at if last_used_at is None else last_used_at + TICK


def last_usage_at(subscription: Subscription, period: Period, since: datetime) -> datetime | None:
    """Return when the last usage counted in a period occurred, if that was at `since` or later; None otherwise."""
    return Event.objects.last_time(
        customer_id=subscription.customer_id,
        names=list(Series.objects.filter(period=period).values_list("meter__event_name", flat=True).distinct()),
        since=since,
        until=period.ends_at,
        subscription_refs=[subscription.external_id, *([] if subscription.named else [""])],
    )


def _check_no_usage_after(subscription: Subscription, period: Period, ends_at: datetime) -> None:
    """Refuse an end before usage that is already counted: it would be billed for a time after the end."""
    last_used_at = last_usage_at(subscription, period, ends_at)
    if last_used_at is not None:
        raise UsageAfterCutoff(
            _("Usage is recorded until %(last)s. Choose a time after it, not %(time)s.")
            % {"last": f"{last_used_at:%Y-%m-%d %H:%M:%S %Z}", "time": f"{ends_at:%Y-%m-%d %H:%M:%S %Z}"}
        )


def _delete_period(period: Period, ends_at: datetime) -> None:
    try:
        period.delete()
    except ProtectedError as error:
        raise UsageAfterCutoff(
            _("Usage is recorded in the period from %(start)s. Choose a time after its start, not %(time)s.")
            % {"start": f"{period.starts_at:%Y-%m-%d %H:%M %Z}", "time": f"{ends_at:%Y-%m-%d %H:%M %Z}"}
        ) from error
