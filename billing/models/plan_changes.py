"""Scheduled plan changes: rows that are visible, and can be revoked, before they take effect."""

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from billing.triggers import decide_changes_once, keep_upcoming_versions_published
from lib.field_types import one_of
from plans.models import PlanVersion
from plans.models.versions import Audience


class RolloutState(models.TextChoices):
    OPEN = "open", _("scheduling")
    DONE = "done", _("scheduled")
    WITHDRAWN = "withdrawn", _("withdrawn")


@pghistory.track()
class Rollout(models.Model):
    """
    One publication of a version for existing subscriptions.

    published_at: distinguishes the publications of a version, which may be withdrawn and published again.
    effective_from: the earliest time at which a subscription changes.
    splits_periods: whether it changes exactly at that time, in mid-period, instead of at the start of its next
        period.
    state: `open` while subscriptions may still have to be scheduled, `done` from then on.
    """

    version = models.ForeignKey("plans.PlanVersion", on_delete=models.PROTECT, related_name="rollouts")
    audience = models.CharField(max_length=8, choices=Audience)
    published_at = models.DateTimeField()
    effective_from = models.DateTimeField()
    splits_periods = models.BooleanField(default=False, db_default=False)
    state = models.CharField(max_length=9, choices=RolloutState, default=RolloutState.OPEN)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        constraints = [
            one_of("state", RolloutState, name="rollout_state_is_known"),
            models.CheckConstraint(
                condition=Q(audience__in=["cohort", "all"]), name="rollout_is_for_a_cohort_or_all"
            ),
            models.CheckConstraint(
                condition=Q(effective_from__gte=F("published_at")), name="rollout_takes_effect_after_it_is_published"
            ),
            models.UniqueConstraint(fields=["version", "published_at"], name="publication_is_rolled_out_once"),
        ]

    def __str__(self) -> str:
        return f"{self.version} for {self.get_audience_display()}"


class ChangeState(models.TextChoices):
    PENDING = "pending", _("upcoming")
    DONE = "done", _("done")
    REVOKED = "revoked", _("revoked")
    REFUSED = "refused", _("not possible")


@pghistory.track()
class ScheduledChange(models.Model):
    """
    A subscription's scheduled change to another version, at the end of a period or in the middle of one.

    rollout: the publication that it is a part of; none if it was requested manually or over HTTP.
    moment: start of its first period under the new version; coverage of features follows it from the start.
    splits_period: whether the period that contains `moment` is split there
        (`billing/subscriptions/plan_changes/mid_period_split.py`).
    restarts_period: whether a whole billing period begins at `moment`, which becomes the anchor.
    problem: why it is not possible, was revoked, or takes effect later than requested.
    decided_at: when it was done, revoked or refused.
    """

    rollout = models.ForeignKey(
        "billing.Rollout", on_delete=models.PROTECT, null=True, related_name="changes", db_index=False
    )
    subscription = models.ForeignKey(
        "billing.Subscription", on_delete=models.PROTECT, related_name="changes", db_index=False
    )
    from_version = models.ForeignKey("plans.PlanVersion", on_delete=models.PROTECT, related_name="+", db_index=False)
    version = models.ForeignKey("plans.PlanVersion", on_delete=models.PROTECT, related_name="+", db_index=False)
    moment = models.DateTimeField()
    splits_period = models.BooleanField(default=False, db_default=False)
    restarts_period = models.BooleanField(default=False, db_default=False)
    state = models.CharField(max_length=8, choices=ChangeState, default=ChangeState.PENDING)
    problem = models.TextField(blank=True)
    decided_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            one_of("state", ChangeState, name="change_state_is_known"),
            models.CheckConstraint(
                condition=Q(state="pending", decided_at__isnull=True)
                | ~Q(state="pending") & Q(decided_at__isnull=False),
                name="decided_change_says_when",
            ),
            models.CheckConstraint(condition=~Q(state="refused") | ~Q(problem=""), name="refused_change_says_why"),
            models.UniqueConstraint(
                fields=["rollout", "subscription"],
                condition=Q(rollout__isnull=False),
                name="rollout_schedules_a_subscription_once",
            ),
            models.UniqueConstraint(
                fields=["subscription"], condition=Q(state="pending"), name="subscription_has_one_change_to_come"
            ),
        ]
        indexes = [
            models.Index(fields=["moment"], condition=Q(state="pending"), name="change_to_come"),
            models.Index(fields=["subscription", "-id"], name="change_of_subscription"),
        ]
        triggers = [decide_changes_once()]

    def __str__(self) -> str:
        return f"{self.subscription}: {self.from_version} → {self.version}"


class UpcomingVersion(PlanVersion):
    """
    A version that subscriptions are scheduled for, under billing's protection; the plans app doesn't know
    subscriptions.
    """

    class Meta:
        proxy = True
        default_permissions = ()
        triggers = [keep_upcoming_versions_published()]
