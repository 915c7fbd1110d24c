"""What is stored of a simulation: per subscription and version, its figures and the lines behind them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec

from billing.models import SimulationResult
from billing.simulation.records import Bill, Line, Simulated
from lib.decimals import EXACT, ZERO
from lib.money import round_to

PERCENT = Decimal("0.0001")
MONEY = Decimal("0.0001")
MOST_PERCENT = Decimal(10) ** 12
MOST_PROBLEMS = 20


class ShockThreshold(NamedTuple):
    """When an increase is a bill shock: above so many percent, and above this amount per period."""

    percent: Decimal
    amount: Decimal

    def is_passed(self, before: Decimal, change: Decimal, periods: int) -> bool:
        """Tell whether a bill that rises by this much over so many periods would shock whoever gets it."""
        if change <= 0 or change <= self.amount * periods:
            return False
        return change * 100 > before * self.percent


class Difference(msgspec.Struct):
    """What stands on both bills about one thing. before, after: amounts; used_before, used_after: quantities."""

    subject: str
    detail: str
    name: str
    unit: str
    used_before: Decimal = ZERO
    before: Decimal = ZERO
    used_after: Decimal = ZERO
    after: Decimal = ZERO


class Span(msgspec.Struct):
    """A period, and what it comes to."""

    starts_at: datetime
    ends_at: datetime
    before: Decimal
    after: Decimal
    is_settled: bool


class Prepaid(msgspec.Struct):
    """
    Value of one unit in wallets. burnt_before, burnt: what use has cost, and would cost. granted: what the version
    includes. expired: of that, what would expire unused. short: what use costs beyond it.
    """

    burnt_before: Decimal = ZERO
    burnt: Decimal = ZERO
    granted: Decimal = ZERO
    expired: Decimal = ZERO
    short: Decimal = ZERO


class Found(msgspec.Struct, omit_defaults=False):
    """What `SimulationResult.found` holds; decimals are text. cost: of the usage, where unit costs are known."""

    currency: str
    before: Decimal
    after: Decimal
    change: Decimal
    percent: Decimal | None
    is_known: bool
    is_shock: bool
    cost: Decimal | None
    problems: list[str]
    periods: list[Span]
    lines: list[Difference]
    prepaid: dict[str, Prepaid]


def found_of(
    simulated: Sequence[Simulated], number: int, *, costs: Mapping[int, Decimal], threshold: ShockThreshold
) -> Found:
    """Return what the periods of one subscription come to by the version of this number."""
    bills = [(one, one.before, one.after[number]) for one in simulated]
    is_known = all(before.is_known and after.is_known for _, before, after in bills)
    before = _sum(bill.total for _, bill, _ in bills)
    after = _sum(bill.total for *_, bill in bills) if is_known else before
    change = EXACT.subtract(after, before)
    spent = [costs[one.period_id] for one in simulated if one.period_id in costs]
    return Found(
        currency=simulated[0].currency,
        before=before,
        after=after,
        change=change,
        percent=_percent(before, change),
        is_known=is_known,
        is_shock=threshold.is_passed(before, change, len(bills)),
        cost=round_to(_sum(spent), MONEY) if spent else None,
        problems=_problems(bill for _, *pair in bills for bill in pair),
        periods=[
            Span(one.starts_at, one.ends_at, first.total, then.total if is_known else first.total, one.is_settled)
            for one, first, then in bills
        ],
        lines=_differences(bills) if is_known else [],
        prepaid=_prepaid(bills) if is_known else {},
    )


def result(found: Found, *, job_id: int, version_id: int, subscription_id: int) -> SimulationResult:
    """Return a result to store."""
    told: dict[str, Any] = msgspec.json.decode(_encode(found))
    of = SimulationResult(job_id=job_id, version_id=version_id, subscription_id=subscription_id, found=told)
    of.digest = digest_of(of)
    return of


def digest_of(one: SimulationResult) -> str:
    """Return the SHA-256 of what a result is of and what it says, as 64 hexadecimal digits."""
    told = _sorted([one.job_id, one.version_id, one.subscription_id, one.found])
    return sha256(told).hexdigest()


def read(one: SimulationResult) -> Found:
    """Return what a result says."""
    return msgspec.convert(one.found, Found, strict=False)


_encode = msgspec.json.encode
_sorted = msgspec.json.Encoder(order="deterministic").encode


def _percent(before: Decimal, change: Decimal) -> Decimal | None:
    if not before:
        return None if change else ZERO
    percent = round_to(Fraction(change) / Fraction(before) * 100, PERCENT)
    return max(min(percent, MOST_PERCENT), -MOST_PERCENT)


def _problems(bills: Iterable[Bill]) -> list[str]:
    return list(dict.fromkeys(one for bill in bills for one in bill.problems))[:MOST_PROBLEMS]


def _differences(bills: Iterable[tuple[Simulated, Bill, Bill]]) -> list[Difference]:
    """Return all lines side by side, windows and periods added up, in the order of the first bill."""
    found: dict[tuple[str, str], Difference] = {}
    for _, before, after in bills:
        for line in before.lines:
            one = _of(found, line)
            one.before, one.used_before = (
                EXACT.add(one.before, line.amount),
                EXACT.add(one.used_before, line.quantity),
            )
        for line in after.lines:
            one = _of(found, line)
            one.after, one.used_after = EXACT.add(one.after, line.amount), EXACT.add(one.used_after, line.quantity)
            one.name = line.description
    return list(found.values())


def _of(found: dict[tuple[str, str], Difference], line: Line) -> Difference:
    subject, detail, _ = line.place
    if (subject, detail) not in found:
        found[subject, detail] = Difference(subject, detail, line.description, line.unit)
    return found[subject, detail]


def _prepaid(bills: Iterable[tuple[Simulated, Bill, Bill]]) -> dict[str, Prepaid]:
    found: dict[str, Prepaid] = {}
    for _, before, after in bills:
        for unit, amount in before.burnt.items():
            one = found.setdefault(unit, Prepaid())
            one.burnt_before = EXACT.add(one.burnt_before, amount)
        for unit in dict.fromkeys([*after.burnt, *after.granted]):
            burnt, (granted, lapses) = after.burnt.get(unit, ZERO), after.granted.get(unit, (ZERO, ZERO))
            one = found.setdefault(unit, Prepaid())
            one.burnt, one.granted = EXACT.add(one.burnt, burnt), EXACT.add(one.granted, granted)
            left = max(EXACT.subtract(granted, burnt), ZERO)
            one.expired = EXACT.add(one.expired, min(left, lapses))
            one.short = EXACT.add(one.short, max(EXACT.subtract(burnt, granted), ZERO))
    return found


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    total = ZERO
    for amount in amounts:
        total = EXACT.add(total, amount)
    return total
