"""Test clocks: the time of sandbox customers."""

from typing import Self

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from customers.triggers import clock_goes_forward


class TestClockQuerySet(models.QuerySet["TestClock"]):
    def advancing(self) -> Self:
        """Return the clocks that are being advanced and have not failed."""
        return self.filter(target__isnull=False, failure="")


@pghistory.track()
class TestClock(models.Model):
    """
    The time of the sandbox customers that share it; it does not move until it is advanced.

    now: the customers' current time; it only moves forward.
    target: the time to which it is being advanced; None while it does not move. set_off_from: the time at which that
        began.
    failure: why it stopped on the way; it continues after a retry.
    """

    __test__ = False  # not a test class, despite its name

    name = models.CharField(max_length=120, unique=True)
    now = models.DateTimeField()
    target = models.DateTimeField(null=True, blank=True)
    set_off_from = models.DateTimeField(null=True, blank=True)
    failure = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    objects = TestClockQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="clock_has_a_name"),
            models.CheckConstraint(
                condition=Q(target__isnull=True, set_off_from__isnull=True)
                | Q(
                    target__isnull=False, set_off_from__isnull=False, target__gt=F("now"), set_off_from__lte=F("now")
                ),
                name="clock_is_advanced_to_a_later_time",
            ),
            models.CheckConstraint(
                condition=Q(failure="") | Q(target__isnull=False), name="only_an_advancing_clock_fails"
            ),
        ]
        triggers = [clock_goes_forward()]

    def __str__(self) -> str:
        return self.name

    @property
    def state(self) -> str:
        """Return standing, advancing or failed."""
        if self.target is None:
            return "standing"
        return "failed" if self.failure else "advancing"
