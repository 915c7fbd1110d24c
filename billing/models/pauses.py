"""Pauses of subscriptions: docs/closing.md#pauses."""

import pghistory
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q
from django.utils.translation import gettext_lazy as _

from billing.models.periods import SettlementMethod
from lib.field_types import one_of


class PauseState(models.TextChoices):
    TO_COME = "to_come", _("upcoming")
    RUNNING = "running", _("running")
    OVER = "over", _("over")
    REVOKED = "revoked", _("revoked")


@pghistory.track()
class Pause(models.Model):
    """
    A half-open interval [starts_at, ends_at) in which a subscription has no period.

    ends_at: when it resumes; empty while its end is open.
    state: follows the times with the delay of a task; nothing is billed by it.
    settles: settlement of fees paid for that time.
    """

    subscription = models.ForeignKey("billing.Subscription", on_delete=models.PROTECT, related_name="pauses")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)
    state = models.CharField(max_length=7, choices=PauseState, default=PauseState.TO_COME)
    settles = models.CharField(
        max_length=7, choices=SettlementMethod, default=SettlementMethod.BALANCE, db_default=SettlementMethod.BALANCE
    )
    reason = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            one_of("state", PauseState, name="pause_state_is_known"),
            models.CheckConstraint(
                condition=Q(settles__in=(SettlementMethod.BALANCE, SettlementMethod.REFUND)),
                name="pause_is_not_paid_for",
            ),
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True) | Q(ends_at__gt=F("starts_at")), name="pause_ends_after_it_starts"
            ),
            models.CheckConstraint(
                condition=~Q(state="over") | Q(ends_at__isnull=False), name="pause_that_is_over_says_when"
            ),
            models.UniqueConstraint(
                fields=["subscription"],
                condition=Q(state__in=("to_come", "running")),
                name="subscription_has_one_pause_at_a_time",
            ),
            ExclusionConstraint(
                name="pauses_of_a_subscription_never_overlap",
                expressions=[
                    ("subscription", RangeOperators.EQUAL),
                    (
                        Func("starts_at", "ends_at", function="TSTZRANGE", output_field=DateTimeRangeField()),
                        RangeOperators.OVERLAPS,
                    ),
                ],
                condition=~Q(state="revoked"),
            ),
        ]
        indexes = [
            models.Index(fields=["starts_at"], condition=Q(state="to_come"), name="pause_to_come"),
            models.Index(fields=["ends_at"], condition=Q(state="running"), name="pause_running"),
        ]

    def __str__(self) -> str:
        until = f"{self.ends_at:%Y-%m-%d %H:%M}" if self.ends_at else "it is resumed"
        return f"{self.subscription}: {self.starts_at:%Y-%m-%d %H:%M} until {until}"
