"""What periods have been granted of the credits that their versions include."""

from django.db import models


class PeriodGrant(models.Model):
    """
    That a period was granted what its version includes: docs/wallets.md#included-credits.

    period_id: of a period that may be removed since; what it was granted is then taken back, and so is this row.
    revision: of the period, as it was granted. next_at: when the next of its grants begins; empty when all are made.
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
