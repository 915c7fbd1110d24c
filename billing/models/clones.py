"""Live customers that are cloned into the sandbox."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from lib.triggers import append_only


class Clone(models.Model):
    """
    A sandbox customer that was cloned from a live one, and replays its usage.

    customer: the clone, on a test clock that started at `since`.
    source: the live customer.
    since, until: the usage that is replayed, half-open: events up to the time that the clock has reached.
    """

    customer = models.OneToOneField("customers.Customer", on_delete=models.PROTECT, related_name="cloned")
    source = models.ForeignKey("customers.Customer", on_delete=models.PROTECT, related_name="clones")
    since = models.DateTimeField()
    until = models.DateTimeField()
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(until__gte=F("since")), name="clone_replays_usage_in_order"),
            models.CheckConstraint(condition=~Q(customer=F("source")), name="nobody_is_their_own_clone"),
        ]
        triggers = [append_only()]

    def __str__(self) -> str:
        return f"{self.customer}, a clone of {self.source}"
