"""Summaries of a simulation per version and currency, computed from its results."""

from decimal import Decimal
from typing import Any, NamedTuple

from billing.models import Job
from lib import sql
from lib.decimals import to_plain_string

BUCKET_BOUNDS = (-50, -25, -10, -5, 0, 5, 10, 25, 50, 100)
"""
Bounds of the distribution's buckets, in percent. Unchanged bills, and bills that were zero before, have buckets of
their own.
"""

# One pass over the results: unknown ones count but are in no sum, since a bill that can't be compared has no change.
_SUMS = """
SELECT version_id, currency, count(*), count(*) FILTER (WHERE NOT is_known),
    coalesce(sum(before) FILTER (WHERE is_known), 0), coalesce(sum(after) FILTER (WHERE is_known), 0),
    count(*) FILTER (WHERE is_known AND change < 0), count(*) FILTER (WHERE is_known AND change > 0),
    count(*) FILTER (WHERE is_known AND change = 0), count(*) FILTER (WHERE is_shock),
    count(*) FILTER (WHERE figures->'problems' <> '[]'),
    sum((figures->>'cost')::numeric) FILTER (WHERE is_known),
    coalesce(sum(before) FILTER (WHERE is_known AND figures->>'cost' IS NOT NULL), 0),
    coalesce(sum(after) FILTER (WHERE is_known AND figures->>'cost' IS NOT NULL), 0)
FROM billing_simulationresult WHERE job_id = %s GROUP BY 1, 2 ORDER BY 1, 3 DESC, 2
"""
_BARS = """
SELECT version_id, currency,
    CASE WHEN change = 0 THEN 'same' WHEN percent IS NULL THEN 'new'
        ELSE width_bucket(percent, %s::numeric[])::text END, count(*)
FROM billing_simulationresult WHERE job_id = %s AND is_known GROUP BY 1, 2, 3
"""
_PREPAID = """
SELECT version_id, currency, p.key, sum((p.value->>'drawn_down_before')::numeric),
    sum((p.value->>'drawn_down')::numeric),
    sum((p.value->>'granted')::numeric), sum((p.value->>'expired')::numeric), sum((p.value->>'short')::numeric)
FROM billing_simulationresult CROSS JOIN LATERAL jsonb_each(figures->'prepaid') p WHERE job_id = %s
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""


class VersionSummary(NamedTuple):
    """
    Results of one version in one currency, net of tax.

    not_known: how many of `subscriptions` can't be compared; the other figures leave them out. less, more, same: how
    many would pay less, more or the same. cost: of the usage whose unit costs are known; cost_before, cost_after: the
    bills of those subscriptions.
    """

    version_id: int
    currency: str
    subscriptions: int
    not_known: int
    before: Decimal
    after: Decimal
    less: int
    more: int
    same: int
    shocks: int
    problems: int
    cost: Decimal | None
    cost_before: Decimal
    cost_after: Decimal

    @property
    def change(self) -> Decimal:
        return self.after - self.before


class PrepaidSummary(NamedTuple):
    """Prepaid value in one unit, by one version, of the subscriptions in one currency."""

    version_id: int
    currency: str
    unit: str
    drawn_down_before: Decimal
    drawn_down: Decimal
    granted: Decimal
    expired: Decimal
    short: Decimal


def summarize_versions(job: Job) -> list[VersionSummary]:
    """Return the summaries of a simulation so far, the currency with the most subscriptions of each version first."""
    return [VersionSummary(*row) for row in sql.fetch_rows(_SUMS, [job.pk])]


def summarize_prepaid(job: Job) -> list[PrepaidSummary]:
    """Return the summaries of prepaid value of a simulation."""
    return [PrepaidSummary(*row) for row in sql.fetch_rows(_PREPAID, [job.pk])]


def count_by_change(job: Job) -> dict[tuple[int, str], dict[str, int]]:
    """
    Return (version, currency) → bucket → number of bills.

    A bucket is `same`, `new`, or the number of BUCKET_BOUNDS at or below the change.
    """
    counts: dict[tuple[int, str], dict[str, int]] = {}
    for version_id, currency, bucket, count in sql.fetch_rows(_BARS, [list(BUCKET_BOUNDS), job.pk]):
        counts.setdefault((version_id, currency), {})[bucket] = count
    return counts


def summary_payload(job: Job, *, version_id: int) -> dict[str, Any]:
    """Return the summary of a version as stored with its required simulation: currency → name → figure."""
    return {
        summary.currency: {
            name: to_plain_string(figure) if isinstance(figure, Decimal) else figure
            for name, figure in summary._asdict().items()
            if name not in ("version_id", "currency")
        }
        for summary in summarize_versions(job)
        if summary.version_id == version_id
    }
