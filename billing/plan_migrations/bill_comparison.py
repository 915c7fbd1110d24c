"""Comparison of a migration's last bills with the bills under the target version."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from billing.models import MigrationItem
from billing.simulation import PeriodBill, SimulatedPeriod, simulate
from billing.simulation.cohorts import read_period_ids
from plans.models import PlanVersion

COMPARED_PERIODS = 3
"""Past periods that are compared."""


def record_bills(moves: Sequence[MigrationItem], version: PlanVersion, *, at: datetime) -> None:
    """
    Store for each move the total of its last periods, and the total under the target version; None if it is unknown.

    The reason why a total is unknown, and usage that the target doesn't price, are among the warnings.
    """
    period_ids = read_period_ids([move.subscription_id for move in moves], count=COMPARED_PERIODS, running_at=at)
    bills_by_subscription: dict[int, list[SimulatedPeriod]] = {}
    # Overrides that end with the move must not soften the new bill.
    keeps_overrides = not moves[0].migration.ends_overrides
    bills = (
        simulate(period_ids=period_ids, versions=[version], at=at, keeps_overrides=keeps_overrides)
        if period_ids
        else []
    )
    for bill in bills:
        bills_by_subscription.setdefault(bill.subscription_id, []).append(bill)
    for item in moves:
        periods = bills_by_subscription.get(item.subscription_id, [])
        item.before = _sum_bills([bill.before for bill in periods])
        item.after = _sum_bills([bill.after[0] for bill in periods])
        item.warnings += dict.fromkeys(problem for bill in periods for problem in bill.after[0].problems)
    MigrationItem.objects.bulk_update(moves, ["before", "after", "warnings"])


def _sum_bills(bills: Sequence[PeriodBill]) -> Decimal | None:
    # A sum with unknown parts would mislead.
    if not bills or not all(bill.is_known for bill in bills):
        return None
    return sum((bill.total for bill in bills), Decimal(0))
