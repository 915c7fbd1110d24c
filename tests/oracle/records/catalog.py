"""Check that published versions can be billed, and that required simulations were run."""

from collections.abc import Iterator

from billing.audit.check import Check, Row
from billing.audit.shared_reads import Books
from plans.models import PlanVersion
from plans.publishing.readiness import problems_of


def _unbillable(books: Books) -> Iterator[Row]:
    for version in PlanVersion.objects.published().select_related("plan").order_by("id"):
        for problem in problems_of(version):
            yield {"version": str(version), "problem": problem}


_DATES = """
    SELECT id AS version_id, state, effective_from, effective_to, published_at FROM plans_planversion
    WHERE (state IN ('draft', 'review') AND published_at IS NOT NULL)
        OR (state NOT IN ('draft', 'review') AND (effective_from IS NULL OR published_at IS NULL
            OR effective_from < published_at))
        OR (state = 'retired' AND effective_to IS NULL) OR effective_to < effective_from
"""

# The results may have been deleted since; the job stays.
_UNFOUNDED = """
    SELECT r.id, r.reference FROM plans_requiredsimulation r
    LEFT JOIN billing_job j ON r.reference = 'simulation:' || j.id AND j.kind = 'simulation' AND j.state = 'done'
        AND j.parameters->'versions' @> jsonb_build_array(
            jsonb_build_object('version_id', r.version_id, 'content', r.content))
    WHERE split_part(r.reference, ':', 1) = 'simulation' AND j.id IS NULL
"""

CHECKS = (
    Check("published_versions_can_be_billed", "V2", _unbillable),
    Check("published_versions_have_effective_dates", "V2", _DATES),
    Check("required_simulations_are_finished", "J3", _UNFOUNDED),
)
