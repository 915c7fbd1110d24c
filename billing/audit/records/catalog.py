"""Check plans, versions and taxes."""

from collections.abc import Iterator

from billing.audit.check import Check, Row
from billing.audit.shared_reads import Books
from plans.models import PlanVersion
from plans.publishing.readiness import problems_of


def _unbillable(books: Books) -> Iterator[Row]:
    for version in PlanVersion.objects.published().select_related("plan").order_by("id"):
        for problem in problems_of(version):
            yield {"version": str(version), "problem": problem}


_IN_FORCE = "v.state NOT IN ('draft', 'review') AND v.effective_to IS DISTINCT FROM v.effective_from"

_CHAIN = f"""
    SELECT plan_id, id AS version_id, effective_to, following FROM (
        SELECT v.*, lead(effective_from) OVER (PARTITION BY plan_id ORDER BY effective_from, id) AS following
        FROM plans_planversion v WHERE {_IN_FORCE}
    ) t WHERE following IS NOT NULL AND effective_to IS DISTINCT FROM following
"""  # noqa: S608

_DATES = """
    SELECT id AS version_id, state, effective_from, effective_to, published_at FROM plans_planversion
    WHERE (state IN ('draft', 'review') AND published_at IS NOT NULL)
        OR (state NOT IN ('draft', 'review') AND (effective_from IS NULL OR published_at IS NULL
            OR effective_from < published_at))
        OR (state = 'retired' AND effective_to IS NULL) OR effective_to < effective_from
"""

_TAXES = """
    SELECT a.id, b.id AS other FROM invoices_taxrate a JOIN invoices_taxrate b
        ON a.id < b.id AND (a.seller_id, a.country, a.region, a.code, a.level)
            = (b.seller_id, b.country, b.region, b.code, b.level)
        AND daterange(a.valid_from, a.valid_to) && daterange(b.valid_from, b.valid_to)
    UNION ALL SELECT id, NULL FROM invoices_taxrate WHERE rate NOT BETWEEN 0 AND 100 OR valid_to <= valid_from
        OR (region <> '' AND country = '') OR (reason <> '' AND rate <> 0) OR level NOT BETWEEN 1 AND 5
"""

CHECKS = (
    Check("published_versions_can_be_billed_by", "V2", _unbillable),
    Check("versions_of_a_plan_follow_one_another", "V2", _CHAIN),
    Check("versions_say_when_they_are_in_force", "V2", _DATES),
    Check("one_tax_rate_applies_at_a_time", "V4", _TAXES),
)
