"""The law of the simulator: the prices that were in force come to what was invoiced, line by line."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from billing.models import Period
from billing.simulating import Bill, Place, Simulated
from billing.simulating.facts import COMMITMENT

ZERO = Decimal(0)


def closed_periods() -> list[int]:
    found = Period.objects.filter(kind="regular", state="closed").order_by("subscription", "starts_at")
    return list(found.values_list("pk", flat=True))


def differences(found: Sequence[Simulated], *, number: int = 0) -> Iterator[tuple[object, ...]]:
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
        if one.before.burnt != after.burnt:
            yield where, "burnt", one.before.burnt, after.burnt
    for id_, (before, now) in promised.items():
        if before != now and id_ not in unsettled:
            yield id_, COMMITMENT, before, now


def amounts(bill: Bill) -> dict[Place, Decimal]:
    return {line.place: line.amount for line in bill.lines}
