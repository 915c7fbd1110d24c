"""Quantities of seats and add-ons that subscriptions hold."""

from typing import Self

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import Q

from billing.triggers import keep_closed_quantities
from lib.field_types import MAX_SEATS, finite
from lib.triggers import append_only


class SubscriptionQuantityQuerySet(models.QuerySet["SubscriptionQuantity"]):
    def in_order(self) -> Self:
        """Return the rows in order of effect."""
        return self.order_by("since", "id")


@pghistory.track()
class SubscriptionQuantity(models.Model):
    """
    The units of a fee that a subscription holds from a time on, until a later row changes it.

    fee_code: the fee, in any version that the subscription is on.
    since: when it takes effect; never in a closed period.

    Rows are only added; of those with the same `since` the one recorded last counts. A row whose `since` is after its
    recording is a scheduled change.
    """

    subscription = models.ForeignKey(
        "billing.Subscription", on_delete=models.PROTECT, related_name="holdings", db_index=False
    )
    fee_code = models.CharField(max_length=64)
    quantity = models.PositiveIntegerField()
    since = models.DateTimeField()
    reason = models.CharField(max_length=200, blank=True)
    recorded_at = models.DateTimeField()
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )

    objects = SubscriptionQuantityQuerySet.as_manager()

    class Meta:
        constraints = [
            finite("quantity", most=MAX_SEATS, name="subscription_quantity_is_finite"),
            models.CheckConstraint(condition=~Q(fee_code=""), name="quantity_names_its_fee"),
        ]
        indexes = [models.Index(fields=["subscription", "since", "id"], name="quantity_by_time")]
        triggers = [append_only(), keep_closed_quantities()]

    def __str__(self) -> str:
        return f"{self.quantity:,} × {self.fee_code} since {self.since:%Y-%m-%d %H:%M}"
