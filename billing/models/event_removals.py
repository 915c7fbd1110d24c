"""The deletion of old events: docs/personal-data.md#events."""

from datetime import timedelta

from django.db import models
from django.db.models import F, Q

from billing.triggers import count_removed_events, remove_billed_events_only
from lib.field_types import finite

LEAST_AGE = timedelta(days=396)
"""Ingest refuses older events, so no repeat of a removed event is stored again."""


class EventRemoval(models.Model):
    """
    The removal of a customer's events before a time. Reads treat them as gone once this row is committed.

    customer: empty for events that belong to no known customer.
    removed_at: when the removal began, in the customer's time.
    events: number of events deleted so far. finished_at: when the last one was deleted.
    """

    customer = models.ForeignKey(
        "customers.Customer", on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    until = models.DateTimeField()
    removed_at = models.DateTimeField()
    events = models.BigIntegerField(default=0)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "until"], nulls_distinct=False, name="events_before_a_time_are_removed_once"
            ),
            models.CheckConstraint(
                condition=Q(until__lte=F("removed_at") - LEAST_AGE), name="events_are_kept_while_repeats_may_arrive"
            ),
            finite("events", least=0, most=10**18, name="removed_events_are_finite"),
        ]
        indexes = [models.Index(fields=["id"], condition=Q(finished_at__isnull=True), name="event_removal_to_finish")]
        triggers = [remove_billed_events_only(), count_removed_events()]

    def __str__(self) -> str:
        return f"events before {self.until:%Y-%m-%d}"
