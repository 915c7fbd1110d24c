"""Effects of dunning on subscriptions."""

from django.db import models
from django.db.models import Q


class DunnedSubscription(models.Model):
    """
    A subscription that was paused or canceled because an invoice was not paid: docs/payments.md#dunning.

    act: the dunning step that required it; each is applied once to a subscription.
    subscription: empty if none was running any more.
    outcome: why it could not be done, if it couldn't.
    resumed_at: when a pause ended because the customer has paid.
    """

    act = models.ForeignKey("invoices.DunningAct", on_delete=models.PROTECT, related_name="+")
    subscription = models.ForeignKey(
        "billing.Subscription", on_delete=models.PROTECT, null=True, related_name="dunned"
    )
    outcome = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField()
    resumed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["act", "subscription"], nulls_distinct=False, name="subscription_is_dunned_once_by_an_act"
            ),
            models.CheckConstraint(
                condition=Q(subscription__isnull=False) | ~Q(outcome=""), name="nobody_is_dunned_for_a_reason"
            ),
        ]
        indexes = [
            models.Index(
                fields=["subscription"],
                condition=Q(resumed_at__isnull=True, outcome=""),
                name="dunned_and_not_resumed",
            )
        ]

    def __str__(self) -> str:
        return f"{self.subscription}: {self.act}"
