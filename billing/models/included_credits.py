"""Grants of the credits that versions include, by period."""

from django.db import models


class PeriodGrant(models.Model):
    """
    Record of a period's grant of its version's included credits: docs/wallets.md#included-credits.

    period_id: a period that may have been deleted since; its grants are then revoked, and this row is deleted.
    revision: the period's revision when it was granted.
    next_at: start of its next grant; empty when all are made.
    """

    period_id = models.BigIntegerField(primary_key=True)
    subscription = models.ForeignKey("billing.Subscription", on_delete=models.PROTECT, related_name="+")
    starts_at = models.DateTimeField()
    revision = models.PositiveIntegerField()
    next_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["starts_at"], name="period_grant_by_start")]

    def __str__(self) -> str:
        return f"credits of the period from {self.starts_at:%Y-%m-%d} on"
