"""
Preview a move: problems, the total of the change's invoice, and warnings.

The change is previewed by the operation that the run uses, and rolled back; the simulation rates past periods by the
target version (docs/simulation.md).
"""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from billing.closing import preview_change
from billing.closing.lines.usage_lines import UnpricedUsage
from billing.models import Counter, MigrationItem, Override, Period, ScheduledChange, Subscription
from billing.models.periods import PeriodKind
from billing.models.plan_changes import ChangeState
from billing.models.plan_migrations import MigrationTiming, MoveState
from billing.subscriptions.terms.feature_coverage import SubscriptionRefused
from billing.subscriptions.terms.price_overrides import in_force_after
from lib.formats import format_number
from plans.models import PlanFeature, PlanVersion


def preview_move(move: MigrationItem, *, at: datetime) -> None:
    """Store why a move is not possible, or the total of its invoice and its warnings."""
    move.problem, move.switch = "", None
    try:
        move.switch = _preview_total(move, at=at)
    except (SubscriptionRefused, UnpricedUsage, ValueError) as error:
        move.problem = str(error)
    move.warnings = [] if move.problem else list(_find_warnings(move, at=at))
    # A refused move gets another chance: its obstacle may be gone.
    move.state, move.previewed_at = MoveState.WAITING, at
    move.save(update_fields=["problem", "switch", "warnings", "state", "previewed_at"])


def _preview_total(move: MigrationItem, *, at: datetime) -> Decimal:
    migration = move.migration
    draft = preview_change(
        subscription=move.subscription,
        version=migration.version,
        at=at,
        moment=migration.moment if migration.moment is not None and migration.moment > at else None,
        at_period_end=migration.when == MigrationTiming.PERIOD,
    )
    return draft.totals.total - sum((note.totals.total for note in draft.credit_notes), Decimal(0))


def _find_warnings(move: MigrationItem, *, at: datetime) -> Iterator[str]:
    subscription, version = move.subscription, move.migration.version
    if lost_features := _lost_features(subscription, version):
        yield f"It loses {', '.join(lost_features)}."
    yield from _find_exceeded_caps(subscription, version, at=at)
    if subscription.trial_ends_at is not None and subscription.trial_ends_at > at:
        yield f"It is in a trial until {subscription.trial_ends_at:%Y-%m-%d}."
    pending = ScheduledChange.objects.filter(subscription=subscription, state=ChangeState.PENDING)
    if change := pending.select_related("version__plan").first():
        yield (
            f"It has a scheduled change to {change.version} on {change.moment:%Y-%m-%d}, which the migration"
            " replaces."
        )
    if subscription.ends_at is not None:
        yield f"It ends on {subscription.ends_at:%Y-%m-%d}."
    override_count = in_force_after(at, Override.objects.filter(subscription=subscription)).count()
    if override_count:
        overrides = "1 override" if override_count == 1 else f"{format_number(override_count)} overrides"
        yield f"{overrides} of the customer will {'end' if move.migration.ends_overrides else 'be kept'}."


def _lost_features(subscription: Subscription, version: PlanVersion) -> list[str]:
    """Return the names of the features that its version has and the target lacks."""
    target_features = PlanFeature.objects.filter(version=version).values("feature")
    lost = PlanFeature.objects.filter(version=subscription.version_id).exclude(feature__in=target_features)
    return list(lost.order_by("feature__name").values_list("feature__name", flat=True))


def _find_exceeded_caps(subscription: Subscription, version: PlanVersion, *, at: datetime) -> Iterator[str]:
    """Yield a warning for each hard-capped feature of which the target includes less than is used already."""
    running = Period.objects.filter(subscription=subscription, kind=PeriodKind.REGULAR).containing(at).first()
    if running is None:
        return
    used: dict[int, Decimal] = {}
    counted = Counter.objects.filter(period=running).values_list("plan_feature__feature", "quantity")
    for feature_id, quantity in counted:
        used[feature_id] = used.get(feature_id, Decimal(0)) + quantity
    capped = PlanFeature.objects.filter(version=version, feature__in=used, consumption="hard_cap")
    for plan_feature in capped.select_related("feature").order_by("feature__name"):
        if plan_feature.included < used[plan_feature.feature_id]:
            used_text = format_number(used[plan_feature.feature_id])
            yield (
                f"{plan_feature.feature.name}: {used_text} used; the hard cap of {version} is"
                f" {format_number(plan_feature.included)}."
            )
