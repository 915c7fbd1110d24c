"""Check simulations: results are unchanged, and required simulations refer to a finished job."""

from collections.abc import Iterator

from billing.audit.check import Check, Row
from billing.audit.shared_reads import Books
from billing.models import SimulationResult
from billing.simulation.results import compute_digest


def _changed(books: Books) -> Iterator[Row]:
    for result in SimulationResult.objects.order_by("pk").iterator(chunk_size=500):
        if result.digest != compute_digest(result):
            yield {"id": result.pk, "job": result.job_id, "digest": result.digest}


# The results may have been deleted since; the job stays.
_UNFOUNDED = """
    SELECT r.id, r.reference FROM plans_requiredsimulation r
    LEFT JOIN billing_job j ON r.reference = 'simulation:' || j.id AND j.kind = 'simulation' AND j.state = 'done'
        AND j.parameters->'versions' @> jsonb_build_array(
            jsonb_build_object('version_id', r.version_id, 'content', r.content))
    WHERE split_part(r.reference, ':', 1) = 'simulation' AND j.id IS NULL
"""

CHECKS = (
    Check("simulated_bills_are_as_they_were_found", "J3", _changed),
    Check("rehearsals_are_of_simulations_that_are_done", "J3", _UNFOUNDED),
)
