"""Webhook endpoints."""

from typing import Self

import pghistory
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class DisabledReason(models.TextChoices):
    """Why an endpoint is disabled."""

    NO = "", _("enabled")
    BY_HAND = "by_hand", _("disabled by a staff user")
    GONE = "gone", _("returned 410 Gone")
    FAILING = "failing", _("failed for days")
    REMOVED = "removed", _("removed")


class EndpointQuerySet(models.QuerySet["WebhookEndpoint"]):
    def not_removed(self) -> Self:
        """Return the endpoints that are not removed."""
        return self.exclude(disabled_reason=DisabledReason.REMOVED)


@pghistory.track(exclude=["secret", "previous_secret", "failing_since"])
class WebhookEndpoint(models.Model):
    """
    An address of the product that receives events of customers: of live ones or of sandbox ones.

    kinds: the event kinds that it receives; empty for all. secret: the signing secret, encrypted.
    previous_secret: also signs until previous_until, so that a receiver can switch without a gap.
    failing_since: when the first of its latest consecutive failures happened; null after a success.
    """

    url = models.CharField(_("URL"), max_length=500)
    description = models.CharField(max_length=200, blank=True)
    sandbox = models.BooleanField(default=False)
    kinds = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    secret = models.TextField(blank=True, editable=False)
    previous_secret = models.TextField(blank=True, default="", editable=False)
    previous_until = models.DateTimeField(null=True, blank=True, editable=False)
    failing_since = models.DateTimeField(null=True, blank=True, editable=False)
    disabled_at = models.DateTimeField(null=True, blank=True, editable=False)
    disabled_reason = models.CharField(max_length=7, choices=DisabledReason, blank=True, default="", editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+", editable=False
    )

    objects = EndpointQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(url__regex="^https?://"), name="endpoint_has_an_address"),
            models.CheckConstraint(
                condition=Q(disabled_at__isnull=True, disabled_reason="")
                | Q(
                    disabled_at__isnull=False, disabled_reason__in=[value for value in DisabledReason.values if value]
                ),
                name="endpoint_is_disabled_for_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(previous_secret="", previous_until__isnull=True)
                | ~Q(previous_secret="") & Q(previous_until__isnull=False),
                name="previous_secret_has_an_end",
            ),
            models.CheckConstraint(
                condition=Q(
                    secret__startswith="gAAAA",  # noqa: S106, how all that Fernet encrypts begins
                    disabled_reason__in=["", "by_hand", "gone", "failing"],
                )
                | Q(secret="", disabled_reason="removed"),
                name="endpoint_secret_is_kept_encrypted",
            ),
        ]

    def __str__(self) -> str:
        return self.description or self.url

    @property
    def enabled(self) -> bool:
        return self.disabled_at is None
