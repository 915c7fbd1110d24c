"""What is known of a version before anybody is billed by it."""

import pghistory
from django.db import models
from django.db.models import Q


@pghistory.track()
class RequiredSimulation(models.Model):
    """
    Past usage was rated by a version, as it was then: written by whoever did, once it was all done.

    content: the fingerprint of the version that was tried. reference: what did it, such as `simulation:7`.
    facts: what came of it in figures, for the page on which the version is approved.
    """

    version = models.ForeignKey("plans.PlanVersion", on_delete=models.PROTECT, related_name="rehearsals")
    content = models.CharField(max_length=64)
    reference = models.CharField(max_length=80)
    facts = models.JSONField(default=dict)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(content__regex="^[0-9a-f]{64}$"), name="rehearsal_names_its_content"),
            models.UniqueConstraint(fields=["version", "reference"], name="version_is_rehearsed_once_at_a_time"),
        ]

    def __str__(self) -> str:
        return f"{self.version}, {self.reference}"
