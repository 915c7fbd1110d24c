"""Proof that a version was simulated before it is published."""

import pghistory
from django.db import models
from django.db.models import Q


@pghistory.track()
class RequiredSimulation(models.Model):
    """
    A completed simulation of past usage with a version's content at that time; written by the app that ran it.

    content: fingerprint of the simulated version. reference: the simulation, such as `simulation:7`.
    facts: the resulting figures, for the page on which the version is approved.
    """

    version = models.ForeignKey("plans.PlanVersion", on_delete=models.PROTECT, related_name="rehearsals")
    content = models.CharField(max_length=64)
    reference = models.CharField(max_length=80)
    facts = models.JSONField(default=dict)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(content__regex="^[0-9a-f]{64}$"), name="required_simulation_names_its_content"
            ),
            models.UniqueConstraint(
                fields=["version", "reference"], name="version_has_one_required_simulation_at_a_time"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version}, {self.reference}"
