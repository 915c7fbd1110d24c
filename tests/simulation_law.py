"""The law of the simulator: the prices that were in force come to what was invoiced, line by line."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal

from django.db import connection, transaction

from billing.models import Period
from billing.simulation import LineKey, PeriodBill, SimulatedPeriod, simulate
from billing.simulation.records import COMMITMENT
from plans.models import PlanVersion
from plans.publishing.publication import new_version

ZERO = Decimal(0)
SOURCES = ("", "events")
"""Where copies of a version take their usage from: the least that tells it, and the events alone."""


def assert_prices_in_force_come_to_what_was_invoiced(*, at: datetime) -> int:
    """
    Simulate all closed periods by the prices in force, and by copies of them; return how many lines were compared.

    No row of any table is written by that.
    """
    versions = dict(Period.objects.filter(pk__in=closed_periods()).values_list("pk", "version"))
    with transaction.atomic():
        copies = {
            plan_version.pk: new_version(source=plan_version, by=None, at=at)
            for plan_version in PlanVersion.objects.filter(pk__in=versions.values()).order_by("pk")
        }
        before = _written()
        found = simulate(period_ids=list(versions), versions=[None], at=at)
        assert len(found) == len(versions)
        wrong = list(differences(found))
        for version_id, copy in copies.items():
            own = [id_ for id_ in versions if versions[id_] == version_id]
            for only in SOURCES:
                wrong += differences(simulate(period_ids=own, versions=[copy], at=at, usage_source=only))
        assert not wrong, wrong[:10]
        assert _written() == before
        transaction.set_rollback(True)
    return sum(len(one.before.lines) for one in found)


def _written() -> list[tuple]:
    """Return how many rows of each table this transaction has written."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname, n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_xact_user_tables ORDER BY 1")
        return cursor.fetchall()


def closed_periods() -> list[int]:
    found = Period.objects.filter(kind="regular", state="closed").order_by("subscription", "starts_at")
    return list(found.values_list("pk", flat=True))


def differences(found: Sequence[SimulatedPeriod], *, number: int = 0) -> Iterator[tuple[object, ...]]:
    """
    Yield (where, place, invoiced, simulated) of each line that differs, by the version of this number.

    Commitments are compared per subscription, and not where usage is late: it moves a contract's true-up into the
    period that it is of.
    """
    unsettled = {one.subscription_id for one in found if not one.is_settled}
    promised: dict[int, list[Decimal]] = {}
    for one in found:
        after = one.after[number]
        where = f"{one.period_id} v{one.version_id} {one.starts_at:%m-%d}"
        if not (one.before.is_known and after.is_known):
            yield where, "not known", one.before.problems, after.problems
            continue
        was, now = amounts(one.before), amounts(after)
        for place in dict.fromkeys([*was, *now]):
            amount = was.get(place, ZERO), now.get(place, ZERO)
            if place.subject == COMMITMENT:
                known = promised.setdefault(one.subscription_id, [ZERO, ZERO])
                known[0], known[1] = known[0] + amount[0], known[1] + amount[1]
            elif amount[0] != amount[1]:
                yield where, place, *amount
        if one.before.drawdowns != after.drawdowns:
            yield where, "drawn_down", one.before.drawdowns, after.drawdowns
    for id_, (before, now) in promised.items():
        if before != now and id_ not in unsettled:
            yield id_, COMMITMENT, before, now


def amounts(bill: PeriodBill) -> dict[LineKey, Decimal]:
    return {line.key: line.amount for line in bill.lines}
