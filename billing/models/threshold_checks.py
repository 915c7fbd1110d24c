"""How far progressive billing has looked."""

from django.db import models


class ThresholdCheck(models.Model):
    """
    A period that was compared with its thresholds, when so many events were counted in it.

    It is looked at again as soon as there are more, or fewer.
    """

    period = models.OneToOneField("billing.Period", on_delete=models.PROTECT, primary_key=True, related_name="+")
    events = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.period}: {self.events} events"
