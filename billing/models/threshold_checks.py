"""Progress of progressive billing."""

from django.db import models


class ThresholdCheck(models.Model):
    """
    A period that was compared with its thresholds, and the number of events counted in it at that time.

    It is compared again as soon as the number changes.
    """

    period = models.OneToOneField("billing.Period", on_delete=models.PROTECT, primary_key=True, related_name="+")
    events = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.period}: {self.events} events"
