"""The rule for publishing prices, and requests for a second person's approval."""

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from plans.triggers import request_is_decided_once


@pghistory.track()
class PublishingRule(models.Model):
    """The settings for publishing prices, in a table with a single row."""

    needs_approval = models.BooleanField(
        default=False,
        help_text=_("Requires approval by a second person before a version is published."),
    )
    needs_simulation = models.BooleanField(
        default=False,
        db_default=False,
        help_text=_("Requires a finished simulation before a later version of a plan is reviewed and published."),
    )
    migrations_need_approval = models.BooleanField(
        default=False,
        db_default=False,
        help_text=_("Requires approval by a second person before a plan migration runs."),
    )
    one_model_per_plan = models.BooleanField(
        default=False,
        help_text=_("The plan check warns if the metered features of a version have different consumption models."),
    )

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="there_is_one_publishing_rule")]

    def __str__(self) -> str:
        return "publishing rule"


class RequestState(models.TextChoices):
    WAITING = "waiting", _("awaiting approval")
    APPROVED = "approved", _("approved")
    DECLINED = "declined", _("rejected")
    WITHDRAWN = "withdrawn", _("withdrawn")


@pghistory.track()
class ChangeRequest(models.Model):
    """
    A request to publish a version, which another person approves or declines.

    content: fingerprint of the version for which approval is requested; the version cannot change while it is in
        review.
    advice: findings of the plan check at that time, which the requester has read.
    """

    version = models.ForeignKey("plans.PlanVersion", on_delete=models.PROTECT, related_name="requests")
    content = models.CharField(max_length=64)
    advice = models.JSONField(default=list)
    reason = models.TextField(blank=True)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    requested_at = models.DateTimeField()
    state = models.CharField(max_length=9, choices=RequestState, default=RequestState.WAITING)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    decision = models.TextField(blank=True)

    class Meta:
        permissions = [("decide_changerequest", "Can approve and reject other users' requests to publish")]
        constraints = [
            models.CheckConstraint(condition=Q(content__regex="^[0-9a-f]{64}$"), name="request_names_its_content"),
            models.CheckConstraint(
                condition=Q(state="waiting", decided_at__isnull=True, decided_by__isnull=True)
                | Q(state="withdrawn", decided_at__isnull=False)
                | Q(state__in=["approved", "declined"], decided_at__isnull=False, decided_by__isnull=False),
                name="decided_request_says_by_whom",
            ),
            models.CheckConstraint(
                condition=Q(decided_by__isnull=True) | ~Q(decided_by=F("requested_by")),
                name="nobody_approves_their_own",
            ),
            models.UniqueConstraint(
                fields=["version"],
                condition=Q(state__in=["waiting", "approved"]),
                name="version_has_one_open_request",
            ),
        ]
        triggers = [request_is_decided_once()]

    def __str__(self) -> str:
        return f"{self.version}, requested by {self.requested_by}"
