"""What a simulation comes to: per version and currency, from its results."""

from decimal import Decimal
from typing import Any, NamedTuple

from django.db import connection

from billing.models import Job
from lib.decimals import plain

EDGES = (-50, -25, -10, -5, 0, 5, 10, 25, 50, 100)
"""Where the bars of the distribution part, in percent; what does not change, and what was nothing, is apart."""

_SUMS = """
SELECT version_id, currency, count(*), count(*) FILTER (WHERE NOT is_known),
    coalesce(sum(before) FILTER (WHERE is_known), 0), coalesce(sum(after) FILTER (WHERE is_known), 0),
    count(*) FILTER (WHERE is_known AND change < 0), count(*) FILTER (WHERE is_known AND change > 0),
    count(*) FILTER (WHERE is_known AND change = 0), count(*) FILTER (WHERE is_shock),
    count(*) FILTER (WHERE found->'problems' <> '[]'),
    sum((found->>'cost')::numeric) FILTER (WHERE is_known),
    coalesce(sum(before) FILTER (WHERE is_known AND found->>'cost' IS NOT NULL), 0),
    coalesce(sum(after) FILTER (WHERE is_known AND found->>'cost' IS NOT NULL), 0)
FROM billing_simulationresult WHERE job_id = %s GROUP BY 1, 2 ORDER BY 1, 3 DESC, 2
"""
_BARS = """
SELECT version_id, currency,
    CASE WHEN change = 0 THEN 'same' WHEN percent IS NULL THEN 'new'
        ELSE width_bucket(percent, %s::numeric[])::text END, count(*)
FROM billing_simulationresult WHERE job_id = %s AND is_known GROUP BY 1, 2, 3
"""
_PREPAID = """
SELECT version_id, currency, p.key, sum((p.value->>'burnt_before')::numeric), sum((p.value->>'burnt')::numeric),
    sum((p.value->>'granted')::numeric), sum((p.value->>'expired')::numeric), sum((p.value->>'short')::numeric)
FROM billing_simulationresult CROSS JOIN LATERAL jsonb_each(found->'prepaid') p WHERE job_id = %s
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""


class Sums(NamedTuple):
    """
    Results of one version in one currency, net of tax.

    not_known: of `subscriptions`, those that cannot be compared; they are in no other figure. less, more, same: how
    many would pay so. cost: of the usage whose unit costs are known; cost_before, cost_after: the bills of those.
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


class Prepaid(NamedTuple):
    """What is prepaid in one unit, by one version and of subscriptions in one currency."""

    version_id: int
    currency: str
    unit: str
    burnt_before: Decimal
    burnt: Decimal
    granted: Decimal
    expired: Decimal
    short: Decimal


def sums_of(job: Job) -> list[Sums]:
    """Return what a simulation comes to by now, the largest currency of each version first."""
    return [Sums(*row) for row in _rows(_SUMS, [job.pk])]


def prepaid_of(job: Job) -> list[Prepaid]:
    """Return what a simulation says of wallets."""
    return [Prepaid(*row) for row in _rows(_PREPAID, [job.pk])]


def bars_of(job: Job) -> dict[tuple[int, str], dict[str, int]]:
    """Return (version, currency) → bar → how many bills: bars are `same`, `new`, or how many EDGES are passed."""
    found: dict[tuple[int, str], dict[str, int]] = {}
    for version_id, currency, bar, count in _rows(_BARS, [list(EDGES), job.pk]):
        found.setdefault((version_id, currency), {})[bar] = count
    return found


def facts_of(job: Job, *, version_id: int) -> dict[str, Any]:
    """Return what a version comes to in a simulation, as its rehearsal keeps it: currency → name → figure."""
    return {
        one.currency: {
            name: plain(figure) if isinstance(figure, Decimal) else figure
            for name, figure in one._asdict().items()
            if name not in ("version_id", "currency")
        }
        for one in sums_of(job)
        if one.version_id == version_id
    }


def _rows(statement: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()
