"""Delete old simulation results; the summary stays with each simulated version."""

from datetime import datetime, timedelta

from billing.models import SimulationResult

RETENTION = timedelta(days=400)
# Rows per run, so that the locks and the write-ahead log of a delete stay small.
BATCH_SIZE = 5_000


def delete_old_results(*, at: datetime) -> int:
    """Delete a batch of results of simulations that ended more than RETENTION ago; return how many."""
    old_results = SimulationResult.objects.filter(job__finished_at__lt=at - RETENTION).order_by("pk")
    result_ids = list(old_results.values_list("pk", flat=True)[:BATCH_SIZE])
    return SimulationResult.objects.filter(pk__in=result_ids).delete()[0]
