"""The time that sandbox customers live in."""

from typing import Self

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from customers.triggers import clock_goes_forward


class TestClockQuerySet(models.QuerySet["TestClock"]):
    def advancing(self) -> Self:
        """Return the clocks that have a way to go, and are not stopped by a failure."""
        return self.filter(target__isnull=False, failure="")


@pghistory.track()
class TestClock(models.Model):
    """
    A time of its own for the sandbox customers that share it: it stands still until somebody advances it.

    now: what time it is for its customers; it only ever moves forward.
    target: where it is being advanced to, and nothing while it stands; set_off_from: where that began.
    failure: why it stopped on its way there; it goes on when it is told to try again.
    """

    __test__ = False  # no class of tests, whatever its name

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
