"""The law of the simulator: simulating the prices in force gives the invoiced amounts, line by line."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal

from django.db import connection, transaction

from billing.audit.usage.recount import MAX_ID
from billing.audit.usage.sum_comparison import read_removed_periods
from billing.models import Period
from billing.simulation import LineKey, PeriodBill, SimulatedPeriod, simulate
from billing.simulation.records import COMMITMENT
from plans.models import PlanVersion
from plans.publishing.publication import new_version

ZERO = Decimal(0)
SOURCES = ("", "events")
"""Sources of usage for copies of a version: the cheapest sufficient one, and events only."""


def assert_simulation_equals_invoices(*, at: datetime) -> int:
    """
    Simulate all closed periods with the prices in force and with copies of them; return the number of compared lines.

    No row of any table is written.
    """
    versions = dict(Period.objects.filter(pk__in=closed_periods()).values_list("pk", "version"))
    without_events = read_removed_periods(after=0, up_to=MAX_ID)
    with transaction.atomic():
        copies = {
            plan_version.pk: new_version(source=plan_version, by=None, at=at)
            for plan_version in PlanVersion.objects.filter(pk__in=versions.values()).order_by("pk")
        }
        before = _written_row_counts()
        simulated = simulate(period_ids=list(versions), versions=[None], at=at)
        assert len(simulated) == len(versions)
        wrong = list(differences(simulated))
        for version_id, copy in copies.items():
            period_ids = [id_ for id_ in versions if versions[id_] == version_id]
            for usage_source in SOURCES:
                counted_ids = [id_ for id_ in period_ids if not usage_source or id_ not in without_events]
                wrong += differences(
                    simulate(period_ids=counted_ids, versions=[copy], at=at, usage_source=usage_source)
                )
        assert not wrong, wrong[:10]
        assert _written_row_counts() == before
        transaction.set_rollback(True)
    return sum(len(period.before.lines) for period in simulated)


def _written_row_counts() -> list[tuple]:
    """Return the number of rows of each table that this transaction has written."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname, n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_xact_user_tables ORDER BY 1")
        return cursor.fetchall()


def closed_periods() -> list[int]:
    periods = Period.objects.filter(kind="regular", state="closed").order_by("subscription", "starts_at")
    return list(periods.values_list("pk", flat=True))


def differences(simulated: Sequence[SimulatedPeriod], *, number: int = 0) -> Iterator[tuple[object, ...]]:
    """
    Yield (where, place, invoiced, simulated) for each line that differs, for the version of this number.

    Commitments are compared per subscription, and not where usage is late: it moves a contract's true-up into the
    period that it belongs to.
    """
    unsettled = {period.subscription_id for period in simulated if not period.is_settled}
    commitments: dict[int, list[Decimal]] = {}
    for simulated_period in simulated:
        after = simulated_period.after[number]
        where = f"{simulated_period.period_id} v{simulated_period.version_id} {simulated_period.starts_at:%m-%d}"
        if not (simulated_period.before.is_known and after.is_known):
            yield where, "not known", simulated_period.before.problems, after.problems
            continue
        invoiced, now = amounts(simulated_period.before), amounts(after)
        for place in dict.fromkeys([*invoiced, *now]):
            amount = invoiced.get(place, ZERO), now.get(place, ZERO)
            if place.subject == COMMITMENT:
                known = commitments.setdefault(simulated_period.subscription_id, [ZERO, ZERO])
                known[0], known[1] = known[0] + amount[0], known[1] + amount[1]
            elif amount[0] != amount[1]:
                yield where, place, *amount
        if simulated_period.before.drawdowns != after.drawdowns:
            yield where, "drawn_down", simulated_period.before.drawdowns, after.drawdowns
    for id_, (before, now) in commitments.items():
        if before != now and id_ not in unsettled:
            yield id_, COMMITMENT, before, now


def amounts(bill: PeriodBill) -> dict[LineKey, Decimal]:
    return {line.key: line.amount for line in bill.lines}
