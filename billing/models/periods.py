"""Billing periods: one row per period, and the row is the queue."""

from datetime import datetime
from typing import Self

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Exists, F, Func, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from customers.customer_time import clock_filter
from lib.field_types import one_of
from plans.models import Fee
from plans.models.prices import BillingTiming


class PeriodKind(models.TextChoices):
    OPENING = "opening", _("opening: bills the fees in advance at the start")
    REGULAR = "regular", _("regular")
    UNDONE = "undone", _("undone by a rollback and replaced")


class PeriodState(models.TextChoices):
    OPEN = "open", _("open")
    CLOSED = "closed", _("closed")


class SettlementMethod(models.TextChoices):
    """Settlement of the difference to fees billed in advance of a period whose end has moved since."""

    CHARGE = "charge", _("charge increases, credit nothing")
    BALANCE = "balance", _("credit the unused time")
    REFUND = "refund", _("refund the unused time")


class PeriodQuerySet(models.QuerySet["Period"]):
    def to_close(self, until: datetime, *, clock_id: int | None = None) -> Self:
        """
        Return the open periods whose grace period is over at `until`, including those that wait after a failure.

        clock_id: limits them to customers on this test clock; None means real time.
        """
        is_over = self.filter(state=PeriodState.OPEN, due_at__lte=until)
        return is_over.filter(clock_filter(clock_id, "subscription__customer"))

    def due(self, at: datetime, *, clock_id: int | None = None) -> Self:
        """Return the periods to close at `at` that are not waiting after a failure."""
        return self.to_close(at, clock_id=clock_id).filter(Q(retry_at__isnull=True) | Q(retry_at__lte=at))

    def failed(self) -> Self:
        return self.filter(state=PeriodState.OPEN).exclude(error="")

    def late(self) -> Self:
        """Return the closed periods with late usage."""
        return self.filter(late_since__isnull=False)

    def with_parties(self) -> Self:
        return self.select_related("subscription__customer", "subscription__seller")

    def counted_by_coupons(self) -> Self:
        """Leave out trial periods, unless they bill fees like an opening period: docs/closing.md#coupons."""
        in_advance = Fee.objects.filter(version=OuterRef("version"), billed=BillingTiming.ADVANCE)
        counted = self.filter(Q(Exists(in_advance), ends_at=F("subscription__trial_ends_at")) | Q(is_trial=False))
        return counted.exclude(kind=PeriodKind.UNDONE)

    def containing(self, at: datetime) -> Self:
        return self.filter(starts_at__lte=at, ends_at__gt=at)


class Period(models.Model):
    """
    A half-open interval [starts_at, ends_at) of a subscription, billed by one invoice.

    version: the prices in force in this interval.
    revision: incremented when the interval or the version changes, so that no process attributes by an outdated copy.
    due_at: when it may be closed: its end plus the seller's grace period.
    late_since: when usage first arrived after the close; empty when all is billed.
    is_trial: whether it is the subscription's trial, or a part of it: docs/closing.md#trials.
    continues: the period before it, if a plan change has split the two: see docs/closing.md#plan-changes.
    anchor_at: the time that its interval is counted from, if a plan change has restarted the billing period; empty
        for the subscription's anchor.
    settles: settlement method of fees billed in advance, if its end has moved since; empty if they stay
        (docs/closing.md#cancellations).
    error, attempts, retry_at: why the last close failed, how often, and when it is retried.

    The row is also the lock between usage and closing: ingest locks it FOR KEY SHARE before it counts, closing locks
    it FOR UPDATE before it bills, so every event is either on the invoice or late, never neither (docs/closing.md).
    """

    subscription = models.ForeignKey(
        "billing.Subscription", on_delete=models.PROTECT, related_name="periods", db_index=False
    )
    version = models.ForeignKey("plans.PlanVersion", on_delete=models.PROTECT, related_name="+", db_index=False)
    kind = models.CharField(max_length=8, choices=PeriodKind, default=PeriodKind.REGULAR)
    state = models.CharField(max_length=8, choices=PeriodState, default=PeriodState.OPEN)
    is_trial = models.BooleanField(default=False, db_default=False)
    revision = models.PositiveIntegerField(default=1)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    due_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    invoice = models.ForeignKey("invoices.Invoice", on_delete=models.PROTECT, null=True, related_name="periods")
    late_since = models.DateTimeField(null=True)
    continues = models.ForeignKey(
        "billing.Period", on_delete=models.PROTECT, null=True, related_name="continued_by", db_index=False
    )
    anchor_at = models.DateTimeField(null=True)
    settles = models.CharField(max_length=7, choices=SettlementMethod, blank=True, db_default="")
    error = models.TextField(blank=True)
    attempts = models.PositiveIntegerField(default=0)
    retry_at = models.DateTimeField(null=True)

    objects = PeriodQuerySet.as_manager()

    class Meta:
        permissions = [("close_period", "Can close periods by hand")]
        constraints = [
            one_of("kind", PeriodKind, name="period_kind_is_known"),
            one_of("state", PeriodState, name="period_state_is_known"),
            models.CheckConstraint(
                condition=Q(kind="opening", ends_at=F("starts_at"))
                | Q(kind="regular", ends_at__gt=F("starts_at"))
                | Q(kind="undone", ends_at__gte=F("starts_at")),
                name="only_an_opening_period_is_empty",
            ),
            models.CheckConstraint(condition=Q(due_at__gte=F("ends_at")), name="period_is_never_due_before_its_end"),
            models.CheckConstraint(
                condition=Q(state="open", closed_at__isnull=True, invoice__isnull=True)
                | Q(state="closed", closed_at__isnull=False, closed_at__gte=F("ends_at")),
                name="period_is_closed_after_its_end",
            ),
            models.UniqueConstraint(fields=["subscription", "kind", "starts_at"], name="period_starts_once"),
            models.UniqueConstraint(
                fields=["continues"], condition=Q(continues__isnull=False), name="period_is_continued_once"
            ),
            models.CheckConstraint(
                condition=Q(continues__isnull=True) | Q(kind="regular"), name="only_regular_periods_continue"
            ),
            models.CheckConstraint(
                condition=Q(anchor_at__isnull=True) | Q(is_trial=False, anchor_at__lte=F("starts_at")),
                name="period_starts_at_its_anchor_or_later",
            ),
            models.CheckConstraint(
                condition=Q(settles="") | Q(kind="regular", settles__in=SettlementMethod.values),
                name="period_settles_in_a_known_way",
            ),
            models.CheckConstraint(
                condition=Q(is_trial=False) | Q(kind="regular", continues__isnull=True),
                name="trial_is_a_period_of_its_own",
            ),
            ExclusionConstraint(
                name="periods_of_a_subscription_never_overlap",
                expressions=[
                    ("subscription", RangeOperators.EQUAL),
                    (
                        Func("starts_at", "ends_at", function="TSTZRANGE", output_field=DateTimeRangeField()),
                        RangeOperators.OVERLAPS,
                    ),
                ],
                condition=~Q(kind="undone"),
            ),
            models.CheckConstraint(
                condition=~Q(kind="undone") | Q(state="closed", late_since__isnull=True, continues__isnull=True),
                name="undone_period_is_over_and_done_with",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at", "id"], condition=Q(state="open"), name="period_due"),
            models.Index(fields=["subscription"], condition=Q(late_since__isnull=False), name="period_late"),
            models.Index(fields=["id"], condition=Q(state="open") & ~Q(error=""), name="period_failed"),
            # For the closing page: periods are created in the order of time, so the index has few pages and costs
            # closing nothing.
            BrinIndex(fields=["due_at"], pages_per_range=32, autosummarize=True, name="period_by_due"),
        ]

    def __str__(self) -> str:
        return f"{self.starts_at:%Y-%m-%d} to {self.ends_at:%Y-%m-%d}"
