"""Plan migrations: the plan, one row per subscription, and the outcome of each."""

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from lib.field_types import AMOUNT, MAX_MONEY, QuantityField, finite, one_of

MAX_NOTICE_DAYS = 365


class MigrationTiming(models.TextChoices):
    NOW = "now", _("now, in mid-period")
    PERIOD = "period", _("at the start of the next period")
    DATE = "date", _("on a date")


class MigrationState(models.TextChoices):
    PLANNED = "planned", _("planned")
    BEGUN = "begun", _("started")
    UNDONE = "undone", _("rolled back")
    DROPPED = "dropped", _("discarded")


@pghistory.track()
class PlanMigration(models.Model):
    """
    A migration of subscriptions to a version, selected once; each is a `MigrationItem`.

    when, moment: time of each change; `moment` only for a date.
    ends_overrides: whether a customer's overrides end with the former version.
    from_unit, to_unit, rate: wallets are converted, at `rate` units of the second per unit of the first; empty: kept.
    notice_days: notice period for customers; empty: they are not notified.
    announced_at: when they were notified.
    selection: the selection rules, for display.
    left_out: (id, reason) of given ids that can't be moved.
    """

    title = models.CharField(max_length=120)
    sandbox = models.BooleanField(default=False)
    version = models.ForeignKey("plans.PlanVersion", on_delete=models.PROTECT, related_name="+")
    when = models.CharField(max_length=6, choices=MigrationTiming, default=MigrationTiming.PERIOD)
    moment = models.DateTimeField(null=True, blank=True)
    ends_overrides = models.BooleanField(default=False)
    from_unit = models.CharField(max_length=7, blank=True)
    to_unit = models.CharField(max_length=7, blank=True)
    rate = QuantityField(null=True, blank=True)
    notice_days = models.PositiveSmallIntegerField(null=True, blank=True)
    announced_at = models.DateTimeField(null=True)
    selection = models.JSONField(default=dict)
    left_out = models.JSONField(default=list)
    state = models.CharField(max_length=8, choices=MigrationState, default=MigrationState.PLANNED)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        permissions = [
            ("run_planmigration", "Can run and roll back migrations"),
        ]
        constraints = [
            one_of("when", MigrationTiming, name="migration_moment_is_known"),
            one_of("state", MigrationState, name="migration_state_is_known"),
            models.CheckConstraint(condition=~Q(title=""), name="migration_has_a_title"),
            models.CheckConstraint(
                condition=Q(when="date", moment__isnull=False) | ~Q(when="date") & Q(moment__isnull=True),
                name="only_a_dated_migration_has_a_moment",
            ),
            models.CheckConstraint(
                condition=Q(from_unit="", to_unit="", rate__isnull=True)
                | ~Q(from_unit="") & ~Q(to_unit="") & ~Q(from_unit=F("to_unit")) & Q(rate__isnull=False, when="now"),
                name="wallets_are_converted_between_two_units_at_a_rate",
            ),
            models.CheckConstraint(
                condition=Q(rate__isnull=True) | Q(rate__gt=0, rate__lte=1_000_000), name="conversion_rate_is_finite"
            ),
            finite("notice_days", most=MAX_NOTICE_DAYS, name="notice_is_given_a_year_ahead_at_most"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def converts(self) -> bool:
        return bool(self.from_unit)


class MoveState(models.TextChoices):
    WAITING = "waiting", _("waiting")
    EXCLUDED = "excluded", _("excluded by a staff user")
    REFUSED = "refused", _("not possible")
    SCHEDULED = "scheduled", _("upcoming")
    MOVED = "moved", _("moved")
    UNDONE = "undone", _("rolled back")


@pghistory.track()
class MigrationItem(models.Model):
    """
    One subscription of a migration, selected when it was planned.

    from_version: its version when it was selected, then when it moved.
    problem: why it can't move or be rolled back, at the last try.
    part: the period that starts with the change.
    change: the row that schedules it.
    ended: overrides that ended with it, and when they would have: [id, time or null].
    before, after: cost of its usage in the last periods, and under the new version, in its own currency, as of the
        preview.
    switch: total of the change's invoice, as of the preview.
    warnings: findings of the preview.
    """

    migration = models.ForeignKey(
        "billing.PlanMigration", on_delete=models.PROTECT, related_name="moves", db_index=False
    )
    subscription = models.ForeignKey("billing.Subscription", on_delete=models.PROTECT, related_name="moves")
    from_version = models.ForeignKey("plans.PlanVersion", on_delete=models.PROTECT, related_name="+", db_index=False)
    state = models.CharField(max_length=9, choices=MoveState, default=MoveState.WAITING)
    problem = models.TextField(blank=True)
    warnings = models.JSONField(default=list)
    before = models.DecimalField(**AMOUNT, null=True)
    after = models.DecimalField(**AMOUNT, null=True)
    switch = models.DecimalField(**AMOUNT, null=True)
    previewed_at = models.DateTimeField(null=True)
    change = models.OneToOneField("billing.ScheduledChange", on_delete=models.PROTECT, null=True, related_name="move")
    part = models.OneToOneField("billing.Period", on_delete=models.PROTECT, null=True, related_name="move")
    ended = models.JSONField(default=list)
    moved_at = models.DateTimeField(null=True)
    undone_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            one_of("state", MoveState, name="migration_item_state_is_known"),
            models.UniqueConstraint(fields=["migration", "subscription"], name="migration_moves_a_subscription_once"),
            models.CheckConstraint(
                condition=~Q(state="refused") | ~Q(problem=""), name="refused_migration_item_has_a_reason"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["scheduled", "moved", "undone"], moved_at__isnull=False)
                | ~Q(state__in=["scheduled", "moved", "undone"]) & Q(moved_at__isnull=True),
                name="moved_migration_item_has_a_time",
            ),
            models.CheckConstraint(
                condition=Q(state="undone", undone_at__isnull=False) | ~Q(state="undone") & Q(undone_at__isnull=True),
                name="undone_migration_item_has_a_time",
            ),
            models.CheckConstraint(
                condition=~Q(state="scheduled") | Q(change__isnull=False),
                name="scheduled_migration_item_names_its_change",
            ),
            models.CheckConstraint(
                condition=~Q(state="moved") | Q(part__isnull=False), name="migration_item_names_its_new_period"
            ),
            finite("before", least=-MAX_MONEY, name="bill_before_is_finite"),
            finite("after", least=-MAX_MONEY, name="bill_after_is_finite"),
            finite("switch", least=-MAX_MONEY, name="bill_of_a_change_is_finite"),
        ]
        indexes = [models.Index(fields=["migration", "state", "id"], name="items_of_migration_by_state")]

    def __str__(self) -> str:
        return f"{self.subscription} in {self.migration}"
