"""Let go of what simulations of long ago have found; what came of each in all stays with its versions."""

from datetime import datetime, timedelta

from billing.models import SimulationResult

KEPT = timedelta(days=400)
AT_A_TIME = 5_000


def forget_results(*, at: datetime) -> int:
    """Forget some results of simulations that ended so long ago, and return how many."""
    old = SimulationResult.objects.filter(job__finished_at__lt=at - KEPT).order_by("pk")
    ids = list(old.values_list("pk", flat=True)[:AT_A_TIME])
    return SimulationResult.objects.filter(pk__in=ids).delete()[0]
