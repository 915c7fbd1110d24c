"""Delete old simulation results; the summary stays with each simulated version."""

from datetime import datetime

from django.conf import settings

from billing.models import SimulationResult
from lib.retention import kept_since

# Rows per run, so that the locks and the write-ahead log of a delete stay small.
BATCH_SIZE = 5_000


def delete_old_results(*, at: datetime) -> int:
    """
    Delete a batch of results of simulations that ended `settings.SIMULATION_RETENTION_DAYS` ago; return how many.
    """
    ended_before = kept_since(at, days=settings.SIMULATION_RETENTION_DAYS)
    old_results = SimulationResult.objects.filter(job__finished_at__lt=ended_before).order_by("pk")
    result_ids = list(old_results.values_list("pk", flat=True)[:BATCH_SIZE])
    return SimulationResult.objects.filter(pk__in=result_ids).delete()[0]
