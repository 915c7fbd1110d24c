"""What the last periods of those who are to move came to, and would have come to by the target."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from django.db import connection

from billing.models import MigrationItem
from billing.simulation import PeriodBill, SimulatedPeriod, simulate
from plans.models import PlanVersion

COMPARED_PERIODS = 3
"""Periods that are looked back at."""

_LAST = """
SELECT p.id FROM unnest(%s::bigint[]) AS s(id) CROSS JOIN LATERAL (
    SELECT id FROM billing_period WHERE subscription_id = s.id AND kind = 'regular' AND state = 'closed'
        AND NOT is_trial
    ORDER BY starts_at DESC LIMIT %s) p
"""


def record_bills(moves: Sequence[MigrationItem], version: PlanVersion, *, at: datetime) -> None:
    """
    Note of each of these moves what its last periods came to, and by the target; none where that cannot be told.

    What keeps it from being told, and usage that the target has no price for, are among the warnings.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LAST, [[one.subscription_id for one in moves], COMPARED_PERIODS])
        period_ids = [id_ for (id_,) in cursor.fetchall()]
    of_all: dict[int, list[SimulatedPeriod]] = {}
    keeps = not moves[0].migration.ends_overrides
    bills = simulate(period_ids=period_ids, versions=[version], at=at, keeps_overrides=keeps) if period_ids else []
    for found in bills:
        of_all.setdefault(found.subscription_id, []).append(found)
    for one in moves:
        periods = of_all.get(one.subscription_id, [])
        one.before, one.after = _total([it.before for it in periods]), _total([it.after[0] for it in periods])
        one.warnings += dict.fromkeys(problem for it in periods for problem in it.after[0].problems)
    MigrationItem.objects.bulk_update(moves, ["before", "after", "warnings"])


def _total(bills: Sequence[PeriodBill]) -> Decimal | None:
    if not bills or not all(bill.is_known for bill in bills):
        return None
    return sum((bill.total for bill in bills), Decimal(0))
