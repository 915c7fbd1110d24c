"""
Say beforehand what moving would come to: problems first, then what the switch is billed with, and the bills after it.

The switch is made by the very operation that the run makes, and undone; what past periods would have come to by the
target version says the flight simulator (docs/simulation.md).
"""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from django.db.models import Q

from billing.closing import preview_change
from billing.closing.lines.usage_lines import UnpricedUsage
from billing.models import Counter, MigrationItem, Override, Period, ScheduledChange, Subscription
from billing.models.periods import PeriodKind
from billing.models.plan_changes import ChangeState
from billing.models.plan_migrations import MigrationTiming, MoveState
from billing.subscriptions.terms.feature_coverage import SubscriptionRefused
from lib.formats import format_number
from plans.models import PlanFeature, PlanVersion


def preview_move(one: MigrationItem, *, at: datetime) -> None:
    """Note of a move why it is not possible, or what its document comes to and what is worth a second look."""
    one.problem, one.switch = "", None
    try:
        one.switch = _switch(one, at=at)
    except (SubscriptionRefused, UnpricedUsage, ValueError) as error:
        one.problem = str(error)
    one.warnings = [] if one.problem else list(_warnings(one, at=at))
    one.state, one.previewed_at = MoveState.WAITING, at
    one.save(update_fields=["problem", "switch", "warnings", "state", "previewed_at"])


def _switch(one: MigrationItem, *, at: datetime) -> Decimal:
    migration = one.migration
    draft = preview_change(
        subscription=one.subscription,
        version=migration.version,
        at=at,
        moment=migration.moment if migration.moment is not None and migration.moment > at else None,
        at_period_end=migration.when == MigrationTiming.PERIOD,
    )
    return draft.totals.total - sum((note.totals.total for note in draft.credit_notes), Decimal(0))


def _warnings(one: MigrationItem, *, at: datetime) -> Iterator[str]:
    subscription, version = one.subscription, one.migration.version
    if lost := _lost(subscription, version):
        yield f"It would lose {', '.join(lost)}."
    yield from _below_use(subscription, version, at=at)
    if subscription.trial_ends_at is not None and subscription.trial_ends_at > at:
        yield f"It is in its trial until {subscription.trial_ends_at:%Y-%m-%d}."
    pending = ScheduledChange.objects.filter(subscription=subscription, state=ChangeState.PENDING)
    if change := pending.select_related("version__plan").first():
        yield f"It was to move to {change.version} on {change.moment:%Y-%m-%d}; this takes its place."
    if subscription.ends_at is not None:
        yield f"It ends on {subscription.ends_at:%Y-%m-%d}."
    agreed = Override.objects.filter(Q(ends_at__isnull=True) | Q(ends_at__gt=at), subscription=subscription).count()
    if agreed:
        goes = "end with it" if one.migration.ends_overrides else "stay in force"
        yield f"{format_number(agreed)} figures that were agreed with the customer {goes}."


def _lost(subscription: Subscription, version: PlanVersion) -> list[str]:
    """Return the names of the features that its version has and the target lacks."""
    kept = PlanFeature.objects.filter(version=version).values("feature")
    had = PlanFeature.objects.filter(version=subscription.version_id).exclude(feature__in=kept)
    return list(had.order_by("feature__name").values_list("feature__name", flat=True))


def _below_use(subscription: Subscription, version: PlanVersion, *, at: datetime) -> Iterator[str]:
    """Say of which features the target includes less than is used by now, where it sells nothing beyond that."""
    running = Period.objects.filter(subscription=subscription, kind=PeriodKind.REGULAR).containing(at).first()
    if running is None:
        return
    used: dict[int, Decimal] = {}
    counted = Counter.objects.filter(period=running).values_list("plan_feature__feature", "quantity")
    for feature_id, quantity in counted:
        used[feature_id] = used.get(feature_id, Decimal(0)) + quantity
    capped = PlanFeature.objects.filter(version=version, feature__in=used, consumption="hard_cap")
    for granted in capped.select_related("feature").order_by("feature__name"):
        if granted.included < used[granted.feature_id]:
            is_used = format_number(used[granted.feature_id])
            yield f"{granted.feature.name}: {is_used} are used, {format_number(granted.included)} are the most by {version}."
