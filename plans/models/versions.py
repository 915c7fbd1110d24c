"""Versions of a plan. Drafts can be edited; published versions never change."""

from datetime import datetime
from typing import Self

import pghistory
from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Func, Q
from django.utils.translation import gettext_lazy as _

from lib.field_types import MAX_TRIAL_DAYS, finite, one_of
from plans.pricing import period_anchor
from plans.pricing.proration import ProrationUnit
from plans.triggers import publication_is_approved, version_changes_only_its_state


class VersionState(models.TextChoices):
    DRAFT = "draft", _("draft")
    REVIEW = "review", _("in review")
    SCHEDULED = "scheduled", _("scheduled")
    LIVE = "live", _("active")
    RETIRED = "retired", _("retired")


class IntervalUnit(models.TextChoices):
    DAY = "day", _("day")
    WEEK = "week", _("week")
    MONTH = "month", _("month")
    QUARTER = "quarter", _("quarter")
    YEAR = "year", _("year")


class PeriodAnchor(models.TextChoices):
    CALENDAR = "calendar", _("calendar (1st of the month, Monday, 1 January)")
    ANNIVERSARY = "anniversary", _("start of the subscription")


class ProrationRule(models.TextChoices):
    SECOND = "second", _("by the second")
    DAY = "day", _("by the day")
    NONE = "none", _("not prorated")


class TrialUsage(models.TextChoices):
    FREE = "free", _("free: shown at zero on the invoice")
    BILLED = "billed", _("billed: at this version's prices, with its own allowance")


class Audience(models.TextChoices):
    NEW = "new", _("new subscriptions only")
    COHORT = "cohort", _("cohort")
    ALL = "all", _("all customers")


class PlanVersionQuerySet(models.QuerySet["PlanVersion"]):
    def published(self) -> Self:
        return self.exclude(state__in=[VersionState.DRAFT, VersionState.REVIEW])

    def in_force(self, at: datetime) -> Self:
        """Return the versions that a subscription starting at `at` would get: at most one per plan."""
        return self.published().filter(Q(effective_to__isnull=True) | Q(effective_to__gt=at), effective_from__lte=at)

    def open_to(self, *, sandbox: bool, at: datetime) -> Self:
        """
        Return the versions that a customer can subscribe to at `at`; sandbox customers also to unpublished ones.
        """
        drafts = self.filter(state__in=[VersionState.DRAFT, VersionState.REVIEW, VersionState.SCHEDULED])
        return self.in_force(at) | drafts if sandbox else self.in_force(at)

    def compared_with(self, version: "PlanVersion", *, at: datetime) -> "PlanVersion | None":
        """
        Return the version that a version is compared with by default: its origin, the one in force, or the previous
        one.
        """
        others = self.filter(plan=version.plan_id).exclude(pk=version.pk)
        origin = others.filter(pk=version.copied_from_id).first() if version.copied_from_id else None
        former = others.filter(number__lt=version.number).order_by("-number")
        return origin or others.in_force(at).first() or former.first()

    def due_to_go_live(self, at: datetime) -> Self:
        return self.filter(state=VersionState.SCHEDULED, effective_from__lte=at)


@pghistory.track()
class PlanVersion(models.Model):
    """
    The prices of a plan from one date to the next.

    Life cycle: draft → review → scheduled → live → retired. From `scheduled` on, the version and everything below it
    is frozen by database triggers; the intervals [effective_from, effective_to) of a plan's versions never overlap.

    tried_at: when sandbox customers were first allowed on an unpublished version, which freezes it too.
    tax_code: selects the seller's tax rates for features and fees without a tax code of their own; empty for the
        standard rates.
    prices_include_tax: whether its prices include tax, or tax is added.
    trial_days: days for which a new subscription pays no fees; 0 = no trial. trial_usage: charge for usage in the
        trial.
    """

    plan = models.ForeignKey("plans.Plan", on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=VersionState, default=VersionState.DRAFT, db_index=True)
    interval_unit: "models.CharField[str, period_anchor.IntervalUnit]" = models.CharField(
        max_length=8, choices=IntervalUnit, default=IntervalUnit.MONTH
    )
    interval_count = models.PositiveSmallIntegerField(
        default=1, validators=[MinValueValidator(1), MaxValueValidator(120)]
    )
    anchor: "models.CharField[str, period_anchor.AnchorKind]" = models.CharField(
        max_length=12, choices=PeriodAnchor, default=PeriodAnchor.CALENDAR
    )
    proration: "models.CharField[str, ProrationUnit]" = models.CharField(
        max_length=8, choices=ProrationRule, default=ProrationRule.SECOND
    )
    trial_days = models.PositiveSmallIntegerField(
        default=0,
        db_default=0,
        validators=[MaxValueValidator(MAX_TRIAL_DAYS)],
        help_text=_("Days before a new subscription pays its first fees. 0: no trial."),
    )
    trial_usage = models.CharField(
        _("usage in the trial"), max_length=8, choices=TrialUsage, default=TrialUsage.FREE, db_default=TrialUsage.FREE
    )
    tax_code = models.SlugField(
        max_length=40,
        blank=True,
        default="",
        db_default="",
        db_index=False,
        help_text=_("Empty: the standard rates."),
    )
    prices_include_tax = models.BooleanField(default=False, db_default=False)
    audience = models.CharField(max_length=8, choices=Audience, default=Audience.NEW)
    effective_from = models.DateTimeField(null=True, blank=True)
    effective_to = models.DateTimeField(null=True, blank=True)
    tried_at = models.DateTimeField(_("in the sandbox since"), null=True, blank=True, editable=False)
    note = models.TextField(blank=True, help_text=_("Reason for this version, shown in its timeline."))
    copied_from = models.ForeignKey(
        "plans.PlanVersion", on_delete=models.PROTECT, null=True, blank=True, related_name="copies"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    published_at = models.DateTimeField(null=True, blank=True)
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    objects = PlanVersionQuerySet.as_manager()

    class Meta:
        permissions = [("publish_planversion", "Can publish and withdraw plan versions")]
        constraints = [
            models.UniqueConstraint(fields=["plan", "number"], name="version_number_is_used_once_per_plan"),
            one_of("state", VersionState, name="version_state_is_known"),
            one_of("interval_unit", IntervalUnit, name="version_interval_is_known"),
            finite("interval_count", least=1, most=120, name="version_interval_count_is_1_to_120"),
            finite("trial_days", most=MAX_TRIAL_DAYS, name="version_trial_is_0_to_730_days"),
            one_of("trial_usage", TrialUsage, name="version_trial_usage_is_known"),
            models.CheckConstraint(
                condition=Q(state__in=["draft", "review"])
                | Q(effective_from__isnull=False, published_at__isnull=False),
                name="published_version_says_since_when",
            ),
            models.CheckConstraint(
                condition=Q(effective_to__isnull=True) | Q(effective_to__gte=F("effective_from")),
                name="version_ends_after_it_starts",
            ),
            # Drafts may overlap; published versions of a plan may not, also if two publications race.
            ExclusionConstraint(
                name="one_version_of_a_plan_is_in_force_at_a_time",
                expressions=[
                    ("plan", RangeOperators.EQUAL),
                    (
                        Func(
                            "effective_from",
                            "effective_to",
                            function="TSTZRANGE",
                            output_field=DateTimeRangeField(),
                        ),
                        RangeOperators.OVERLAPS,
                    ),
                ],
                condition=~Q(state__in=["draft", "review"]),
            ),
        ]
        triggers = [version_changes_only_its_state(), publication_is_approved()]

    def __str__(self) -> str:
        return f"{self.plan} v{self.number}"

    @property
    def is_editable(self) -> bool:
        return self.state == VersionState.DRAFT and self.tried_at is None

    @property
    def is_frozen(self) -> bool:
        """Whether its charges can no longer change: it is published, or tried in the sandbox."""
        return self.is_published or self.tried_at is not None

    @property
    def is_published(self) -> bool:
        return self.state not in (VersionState.DRAFT, VersionState.REVIEW)
