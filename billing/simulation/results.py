"""Stored results of a simulation: per subscription and version, the figures and the lines behind them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from hashlib import sha256
from typing import NamedTuple

import msgspec

from billing.models import SimulationResult
from billing.simulation.records import ComparableLine, PeriodBill, SimulatedPeriod
from invoices.documents.issue import copy_rows
from lib.decimals import EXACT, ZERO, exact_sum
from lib.money import round_to

PERCENT = Decimal("0.0001")
MONEY = Decimal("0.0001")
# Fits the column: a bill that rises from a cent can exceed any percentage. Problems are stored with each result.
MAX_PERCENT = Decimal(10) ** 12
MAX_PROBLEMS = 20


class ShockThreshold(NamedTuple):
    """Bounds of a bill shock: an increase above `percent` percent, and above `amount` per period."""

    percent: Decimal
    amount: Decimal

    def is_exceeded(self, before: Decimal, change: Decimal, periods: int) -> bool:
        """Return whether an increase of `change` over this many periods is a bill shock."""
        if change <= 0 or change <= self.amount * periods:
            return False
        return change * 100 > before * self.percent


class LineDifference(msgspec.Struct):
    """A line on both bills. before, after: amounts; used_before, used_after: quantities."""

    subject: str
    detail: str
    name: str
    unit: str
    used_before: Decimal = ZERO
    before: Decimal = ZERO
    used_after: Decimal = ZERO
    after: Decimal = ZERO


class PeriodTotals(msgspec.Struct):
    """A period and its total on both bills."""

    starts_at: datetime
    ends_at: datetime
    before: Decimal
    after: Decimal
    is_settled: bool


class PrepaidTotals(msgspec.Struct):
    """
    Prepaid value in one unit.

    drawn_down_before, drawn_down: cost of the prepaid usage, before and after.
    granted: credits that the version includes. expired: how many of them would expire unused.
    short: cost of usage that they would not cover.
    """

    drawn_down_before: Decimal = ZERO
    drawn_down: Decimal = ZERO
    granted: Decimal = ZERO
    expired: Decimal = ZERO
    short: Decimal = ZERO


class ResultDetails(msgspec.Struct, omit_defaults=False):
    """The JSON of `SimulationResult.figures`; decimals are text. cost: of the usage, where unit costs are known."""

    currency: str
    before: Decimal
    after: Decimal
    change: Decimal
    percent: Decimal | None
    is_known: bool
    is_shock: bool
    cost: Decimal | None
    problems: list[str]
    periods: list[PeriodTotals]
    lines: list[LineDifference]
    prepaid: dict[str, PrepaidTotals]


def compare_bills(
    simulated: Sequence[SimulatedPeriod],
    version_index: int,
    *,
    costs: Mapping[int, Decimal],
    threshold: ShockThreshold,
) -> ResultDetails:
    """Compare the bills of one subscription's periods, before and by the version with this index."""
    bills = [(period, period.before, period.after[version_index]) for period in simulated]
    is_known = all(before.is_known and after.is_known for _, before, after in bills)
    before = exact_sum(bill.total for _, bill, _ in bills)
    after = exact_sum(bill.total for *_, bill in bills) if is_known else before
    change = EXACT.subtract(after, before)
    period_costs = [costs[period.period_id] for period in simulated if period.period_id in costs]
    return ResultDetails(
        currency=simulated[0].currency,
        before=before,
        after=after,
        change=change,
        percent=_percent(before, change),
        is_known=is_known,
        is_shock=threshold.is_exceeded(before, change, len(bills)),
        cost=round_to(exact_sum(period_costs), MONEY) if period_costs else None,
        problems=_problems(bill for _, *both_bills in bills for bill in both_bills),
        periods=[
            PeriodTotals(
                period.starts_at,
                period.ends_at,
                before_bill.total,
                after_bill.total if is_known else before_bill.total,
                period.is_settled,
            )
            for period, before_bill, after_bill in bills
        ],
        lines=_differences(bills) if is_known else [],
        prepaid=_prepaid(bills) if is_known else {},
    )


class ResultRow(NamedTuple):
    """A result to store. figures: its JSON."""

    job_id: int
    version_id: int
    subscription_id: int
    figures: str
    digest: str


def build_result(details: ResultDetails, *, job_id: int, version_id: int, subscription_id: int) -> ResultRow:
    """Return the row of a result; its digest equals `compute_digest` of the stored one."""
    subject = (job_id, version_id, subscription_id)
    return ResultRow(*subject, _sorted(details).decode(), sha256(_sorted([*subject, details])).hexdigest())


def store_results(rows: Sequence[ResultRow]) -> None:
    copy_rows(f"COPY {SimulationResult._meta.db_table} ({', '.join(ResultRow._fields)}) FROM STDIN", rows)


def compute_digest(result: SimulationResult) -> str:
    """Return the SHA-256 of a result's subject and content, as 64 hexadecimal digits."""
    content = _sorted([result.job_id, result.version_id, result.subscription_id, result.figures])
    return sha256(content).hexdigest()


def read_details(result: SimulationResult) -> ResultDetails:
    """Return the content of a stored result."""
    return msgspec.convert(result.figures, ResultDetails, strict=False)


_sorted = msgspec.json.Encoder(order="sorted").encode


def _percent(before: Decimal, change: Decimal) -> Decimal | None:
    if not before:
        return None if change else ZERO
    percent = round_to(Fraction(change) / Fraction(before) * 100, PERCENT)
    return max(min(percent, MAX_PERCENT), -MAX_PERCENT)


def _problems(bills: Iterable[PeriodBill]) -> list[str]:
    return list(dict.fromkeys(problem for bill in bills for problem in bill.problems))[:MAX_PROBLEMS]


def _differences(bills: Iterable[tuple[SimulatedPeriod, PeriodBill, PeriodBill]]) -> list[LineDifference]:
    """Match the lines of both bills, with windows and periods added up, in the order of the first bill."""
    differences: dict[tuple[str, str], LineDifference] = {}
    for _, before, after in bills:
        for line in before.lines:
            difference = _difference_for(differences, line)
            difference.before = EXACT.add(difference.before, line.amount)
            difference.used_before = EXACT.add(difference.used_before, line.quantity)
        for line in after.lines:
            difference = _difference_for(differences, line)
            difference.after = EXACT.add(difference.after, line.amount)
            difference.used_after = EXACT.add(difference.used_after, line.quantity)
            difference.name = line.description
    return list(differences.values())


def _difference_for(differences: dict[tuple[str, str], LineDifference], line: ComparableLine) -> LineDifference:
    subject, detail, _ = line.key
    return differences.setdefault((subject, detail), LineDifference(subject, detail, line.description, line.unit))


def _prepaid(bills: Iterable[tuple[SimulatedPeriod, PeriodBill, PeriodBill]]) -> dict[str, PrepaidTotals]:
    totals_by_unit: dict[str, PrepaidTotals] = {}
    for _, before, after in bills:
        for unit, amount in before.drawdowns.items():
            totals = totals_by_unit.setdefault(unit, PrepaidTotals())
            totals.drawn_down_before = EXACT.add(totals.drawn_down_before, amount)
        for unit in dict.fromkeys([*after.drawdowns, *after.grants]):
            drawn_down, (granted, expiring) = after.drawdowns.get(unit, ZERO), after.grants.get(unit, (ZERO, ZERO))
            totals = totals_by_unit.setdefault(unit, PrepaidTotals())
            totals.drawn_down = EXACT.add(totals.drawn_down, drawn_down)
            totals.granted = EXACT.add(totals.granted, granted)
            unused = max(EXACT.subtract(granted, drawn_down), ZERO)
            totals.expired = EXACT.add(totals.expired, min(unused, expiring))
            totals.short = EXACT.add(totals.short, max(EXACT.subtract(drawn_down, granted), ZERO))
    return totals_by_unit
