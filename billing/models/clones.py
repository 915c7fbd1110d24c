"""Live customers who are tried out in the sandbox."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from billing.triggers import append_only


class Clone(models.Model):
    """
    A sandbox customer that was made from a live one, and uses again what that one has used.

    customer: in the time of a test clock, which began at `since`. source: the live one.
    since, until: the usage that is used again, half-open: what happened by each moment that the clock has reached.
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
            models.CheckConstraint(condition=Q(until__gte=F("since")), name="clone_uses_what_was_used_in_order"),
            models.CheckConstraint(condition=~Q(customer=F("source")), name="nobody_is_their_own_clone"),
        ]
        triggers = [append_only()]

    def __str__(self) -> str:
        return f"{self.customer}, a clone of {self.source}"
