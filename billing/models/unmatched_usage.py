"""Unmatched usage: its reports, reports that someone dismissed, and rules that ignore reports."""

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from billing.triggers import remove_ignore_rule_once, resolve_unmatched_usage_once, undo_dismissal_once
from lib.field_types import one_of


class UnmatchedReason(models.TextChoices):
    UNKNOWN_CUSTOMER = "unknown_customer", _("unknown customer")
    UNKNOWN_EVENT = "unknown_event", _("no meter counts this event name")
    BAD_VALUE = "bad_value", _("metered property missing or not a number")
    NO_SUBSCRIPTION = "no_subscription", _("not covered by a subscription")
    NOT_SOLD = "not_sold", _("not sold on this plan")
    PAUSED = "paused", _("subscription is paused")
    NO_RATE = "no_rate", _("no rate matches its dimensions")
    NO_COST = "no_cost", _("no unit cost was in force")


class DismissalQuerySet(models.QuerySet["Dismissal"]):
    def current(self) -> "DismissalQuerySet":
        """Return the dismissals that are not undone."""
        return self.filter(undone_at__isnull=True)


@pghistory.track()
class Dismissal(models.Model):
    """
    A report of unmatched usage that someone dismissed: it counts no more, and stays open.

    by, api_key: the actor, one of the two. undone_at, undone_by, undone_api_key: the same of its undoing.
    """

    report = models.ForeignKey("billing.UnmatchedUsage", on_delete=models.PROTECT, related_name="dismissals")
    reason = models.CharField(max_length=500)
    dismissed_at = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    api_key = models.ForeignKey("customers.ApiKey", on_delete=models.PROTECT, null=True, related_name="+")
    undone_at = models.DateTimeField(null=True)
    undone_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    undone_api_key = models.ForeignKey("customers.ApiKey", on_delete=models.PROTECT, null=True, related_name="+")

    objects = DismissalQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["report"], condition=Q(undone_at__isnull=True), name="report_is_dismissed_once_at_a_time"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="dismissal_has_a_reason"),
            models.CheckConstraint(
                condition=Q(by__isnull=False, api_key__isnull=True) | Q(by__isnull=True, api_key__isnull=False),
                name="dismissal_names_its_author",
            ),
            models.CheckConstraint(
                condition=Q(undone_at__isnull=True, undone_by__isnull=True, undone_api_key__isnull=True)
                | Q(undone_at__gte=F("dismissed_at"), undone_by__isnull=False, undone_api_key__isnull=True)
                | Q(undone_at__gte=F("dismissed_at"), undone_by__isnull=True, undone_api_key__isnull=False),
                name="dismissal_is_undone_by_someone_later",
            ),
        ]
        triggers = [undo_dismissal_once()]

    def __str__(self) -> str:
        return self.reason

    @property
    def who(self) -> str:
        """The actor's display name."""
        return str(self.by or self.api_key)


def is_dismissed() -> Exists:
    """Return the condition that a report has a dismissal that is not undone."""
    return Exists(Dismissal.objects.current().filter(report=OuterRef("pk")))


class UnmatchedUsageQuerySet(models.QuerySet["UnmatchedUsage"]):
    def open(self) -> "UnmatchedUsageQuerySet":
        """Return the reports that nothing has resolved."""
        return self.filter(resolved_at__isnull=True)

    def dismissed(self) -> "UnmatchedUsageQuerySet":
        """Return the open reports that someone dismissed, or that a rule ignores."""
        return self.open().filter(Q(ignore_rule__isnull=False) | is_dismissed())

    def not_sold(self) -> "UnmatchedUsageQuerySet":
        """Return the open reports of usage that the customer's plan doesn't sell; not dismissed ones."""
        return self._not_dismissed().filter(reason=UnmatchedReason.NOT_SOLD)

    def outstanding(self) -> "UnmatchedUsageQuerySet":
        """Return the open reports that someone has to look into: the count of the report, and its money at stake."""
        return self._not_dismissed().exclude(reason=UnmatchedReason.NOT_SOLD)

    def _not_dismissed(self) -> "UnmatchedUsageQuerySet":
        return self.open().filter(~is_dismissed(), ignore_rule__isnull=True)


class UnmatchedUsage(models.Model):
    """
    An event, or one meter's part of it, that no price covers, with the reason.

    meter: empty if the event as a whole is unmatched.
    resolved_at, resolved_sequence: when reprocessing attributed it, and its number among the period's events since.
    ignore_rule: the first rule that matches it, while it is open.
    """

    event_key = models.UUIDField()
    sequence = models.BigIntegerField()
    occurred_at = models.DateTimeField()
    sandbox = models.BooleanField()
    customer = models.ForeignKey("customers.Customer", on_delete=models.PROTECT, null=True, related_name="+")
    customer_ref = models.TextField(_("customer ID"))
    event_name = models.TextField()
    meter = models.ForeignKey("plans.Meter", on_delete=models.PROTECT, null=True, related_name="+")
    reason = models.CharField(max_length=20, choices=UnmatchedReason)
    detail = models.TextField(blank=True)
    resolved_at = models.DateTimeField(null=True)
    resolved_sequence = models.BigIntegerField(null=True)
    ignore_rule = models.ForeignKey(
        "billing.IgnoreRule", on_delete=models.PROTECT, null=True, related_name="reports", db_index=False
    )

    objects = UnmatchedUsageQuerySet.as_manager()

    class Meta:
        verbose_name_plural = _("unmatched usage")
        constraints = [
            one_of("reason", UnmatchedReason, name="unmatched_reason_is_known"),
            models.UniqueConstraint(
                fields=["event_key", "meter"], name="event_is_unmatched_once_per_meter", nulls_distinct=False
            ),
            models.CheckConstraint(
                condition=Q(resolved_at__isnull=True, resolved_sequence__isnull=True)
                | Q(resolved_at__isnull=False, resolved_sequence__isnull=False),
                name="replayed_usage_says_when",
            ),
            models.CheckConstraint(
                condition=Q(resolved_at__isnull=True) | Q(ignore_rule__isnull=True),
                name="resolved_usage_is_not_ignored",
            ),
        ]
        indexes = [
            models.Index(fields=["-id"], condition=Q(resolved_at__isnull=True), name="unmatched_open"),
            models.Index(
                fields=["-id"],
                condition=Q(resolved_at__isnull=True, ignore_rule__isnull=True) & ~Q(reason="not_sold"),
                name="unmatched_outstanding",
            ),
            models.Index(
                fields=["ignore_rule"], condition=Q(ignore_rule__isnull=False), name="unmatched_by_ignore_rule"
            ),
            models.Index(
                fields=["customer_ref"], condition=Q(resolved_at__isnull=True), name="unmatched_by_customer_ref"
            ),
            models.Index(
                fields=["resolved_sequence"],
                condition=Q(resolved_sequence__isnull=False),
                name="unmatched_by_resolved_sequence",
            ),
        ]
        triggers = [resolve_unmatched_usage_once()]

    def __str__(self) -> str:
        return f"{self.event_name} of {self.customer_ref}: {self.get_reason_display()}"


class IgnoreRuleQuerySet(models.QuerySet["IgnoreRule"]):
    def in_force(self) -> "IgnoreRuleQuerySet":
        return self.filter(removed_at__isnull=True)


@pghistory.track()
class IgnoreRule(models.Model):
    """
    A rule that dismisses all live unmatched usage that it matches, past and future.

    customer_ref, event_name, meter, unmatched_reason: of the reports; an empty one matches any.
    reason: why this usage is ignored.
    """

    customer_ref = models.CharField(
        _("customer ID"), max_length=200, blank=True, help_text=_("As sent; empty for every customer.")
    )
    event_name = models.CharField(max_length=200, blank=True, help_text=_("As sent; empty for every event name."))
    meter = models.ForeignKey(
        "plans.Meter",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text=_("Empty: also reports of whole events, which name no meter."),
    )
    unmatched_reason = models.CharField(
        max_length=20, choices=UnmatchedReason, blank=True, help_text=_("Empty for every reason.")
    )
    reason = models.CharField(_("why it is ignored"), max_length=500)
    created_at = models.DateTimeField(editable=False)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", editable=False)
    removed_at = models.DateTimeField(null=True, editable=False)
    removed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", editable=False
    )

    objects = IgnoreRuleQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(customer_ref="", event_name="", meter__isnull=True, unmatched_reason=""),
                name="ignore_rule_limits_what_it_matches",
                violation_error_message=_("Enter at least one condition. A rule without any would ignore all usage."),
            ),
            models.CheckConstraint(
                condition=Q(unmatched_reason__in=["", *UnmatchedReason.values]), name="ignored_reason_is_known"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="ignore_rule_has_a_reason"),
            models.CheckConstraint(
                condition=Q(removed_at__isnull=True, removed_by__isnull=True)
                | Q(removed_at__gte=F("created_at"), removed_by__isnull=False),
                name="ignore_rule_is_removed_by_someone_later",
            ),
            models.UniqueConstraint(
                fields=["customer_ref", "event_name", "meter", "unmatched_reason"],
                condition=Q(removed_at__isnull=True),
                nulls_distinct=False,
                name="ignore_rule_exists_once",
            ),
        ]
        triggers = [remove_ignore_rule_once()]

    def __str__(self) -> str:
        conditions = [
            self.customer_ref,
            self.event_name,
            str(self.meter) if self.meter else "",
            str(self.get_unmatched_reason_display()) if self.unmatched_reason else "",
        ]
        return ", ".join(filter(None, conditions))
