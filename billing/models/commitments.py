"""Commitments of a subscription, and their lines on invoices."""

import pghistory
from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q
from django.utils.translation import gettext_lazy as _

from billing.triggers import protect_billed_periods
from lib.triggers import append_only
from plans.models.commitments import CommitmentTerms


@pghistory.track()
class SubscriptionCommitment(CommitmentTerms):
    """
    One subscription's own commitment, instead of its version's.

    starts_at, ends_at: half-open; it applies to periods that start in it, and a contract of several periods is
        counted from the first of them. A commitment that ends when it starts was withdrawn.
    """

    subscription = models.ForeignKey("billing.Subscription", on_delete=models.PROTECT, related_name="commitments")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)
    reason = models.TextField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(CommitmentTerms.Meta):
        abstract = False
        verbose_name = _("commitment of a subscription")
        verbose_name_plural = _("commitments of subscriptions")
        constraints = [
            *CommitmentTerms.Meta.constraints,
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True) | Q(ends_at__gte=F("starts_at")),
                name="own_commitment_ends_after_it_starts",
            ),
            ExclusionConstraint(
                name="subscription_has_one_commitment_at_a_time",
                expressions=[
                    ("subscription", RangeOperators.EQUAL),
                    (
                        Func("starts_at", "ends_at", function="TSTZRANGE", output_field=DateTimeRangeField()),
                        RangeOperators.OVERLAPS,
                    ),
                ],
            ),
        ]
        triggers = [protect_billed_periods()]


class Settlement(models.Model):
    """
    The commitment that a line of kind true-up or surcharge settles: that of a period, or of the contract it belongs
    to.

    The amount billed for a commitment so far is the sum of these lines; docs/closing.md#commitments.
    """

    line = models.OneToOneField(
        "invoices.Line", on_delete=models.PROTECT, primary_key=True, related_name="settlement"
    )
    period = models.ForeignKey("billing.Period", on_delete=models.PROTECT, related_name="settlements")

    class Meta:
        triggers = [append_only()]

    def __str__(self) -> str:
        return f"{self.line} for {self.period}"
