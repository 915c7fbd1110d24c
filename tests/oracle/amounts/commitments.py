"""Check commitments: settle them again from the lines that count toward them."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from itertools import groupby
from typing import Any, NamedTuple

import msgspec
from django.db import connection
from django.db.models import Sum
from psycopg import ServerCursor
from psycopg.rows import namedtuple_row

from billing.audit.check import Row
from billing.audit.shared_reads import Books
from billing.closing.commitments.contract_state import BilledPeriod, UsageAmounts, build_cycle, commitment_cycles
from billing.closing.lines.true_up_lines import commitment_workings
from billing.closing.records import CommitmentCycle
from billing.metering.rating_inputs.period_loader import RATING_COLUMNS
from billing.metering.rating_inputs.rating_period import RatingPeriod
from billing.models import Drawdown
from billing.models.subscriptions import STATES_WITH_PERIODS
from lib.money import round_money
from wallets.models import Entry

_PERIODS = f"""
SELECT {RATING_COLUMNS}, p.subscription_id, p.state = 'closed' AS is_closed, l.lines,
    s.state IN {STATES_WITH_PERIODS} AND (s.ends_at IS NULL OR s.ends_at > p.ends_at) AS continues
FROM billing_period p JOIN billing_subscription s ON s.id = p.subscription_id
JOIN customers_customer cu ON cu.id = s.customer_id
LEFT JOIN LATERAL (
    SELECT json_agg(json_build_array(l.id, l.kind, l.amount::text, l.explanation::text, f.code, b.window_start))
        AS lines
    FROM (SELECT line_id, plan_feature_id, window_start FROM billing_billedusage WHERE period_id = p.id
        UNION ALL SELECT line_id, NULL, NULL FROM billing_settlement WHERE period_id = p.id) b
    JOIN invoices_line l ON l.id = b.line_id LEFT JOIN plans_planfeature g ON g.id = b.plan_feature_id
    LEFT JOIN plans_feature f ON f.id = g.feature_id
) l ON true
WHERE p.kind = 'regular' AND NOT p.is_trial AND (EXISTS (
    SELECT FROM billing_period o JOIN plans_commitment m ON m.version_id = o.version_id
    WHERE o.subscription_id = p.subscription_id AND m.currency = s.currency)
    OR EXISTS (SELECT FROM billing_subscriptioncommitment o WHERE o.subscription_id = p.subscription_id))
ORDER BY p.subscription_id, p.starts_at
"""  # noqa: S608


class CommitmentLine(NamedTuple):
    """A usage line with its feature and usage window, or a line that settles a commitment."""

    line_id: int
    kind: str
    amount: Decimal
    explanation: str
    feature: str
    window_start: datetime

    @property
    def spend(self) -> Decimal:
        return -self.amount if self.kind == "usage_credit" else self.amount


class PeriodWithLines(NamedTuple):
    """A period with its usage and settlement lines. continues: whether the subscription has periods after it."""

    billed: BilledPeriod
    lines: list[CommitmentLine]
    span: RatingPeriod
    continues: bool


def wrong_commitment_lines(books: Books) -> Iterator[Row]:
    """Yield settlement lines with a wrong amount or explanation, and commitment cycles that lack one."""
    for _, rows in groupby(_read_periods(), key=lambda period: period.billed.subscription_id):
        periods = {period.billed.period_id: period for period in rows}
        last_period = list(periods.values())[-1]
        billed = [period.billed for period in periods.values()]
        for cycle_periods in commitment_cycles(billed, last_period.span):
            is_complete = cycle_periods[-1] is not last_period.billed or not last_period.continues
            cycle = build_cycle(cycle_periods, last_period.span, is_complete=is_complete)
            lines = sorted(line for period in cycle_periods for line in periods[period.period_id].lines)
            yield from _wrong_cycle_rows(cycle, lines, period_id=cycle_periods[-1].period_id)


def _read_periods() -> Iterator[PeriodWithLines]:
    with ServerCursor(connection.connection, "audit_commitments", row_factory=namedtuple_row) as cursor:
        cursor.execute(_PERIODS)
        row: Any  # a row by name
        for row in cursor:
            billed = BilledPeriod(
                subscription_id=row.subscription_id,
                period_id=row.period_id,
                version_id=row.version_id,
                starts_at=row.starts_at,
                ends_at=row.ends_at,
                is_closed=row.is_closed,
                usage={},
                true_up=Decimal(0),
                surcharge=Decimal(0),
                burned=_paid_burn(row.period_id, row.currency),
            )
            lines = [
                CommitmentLine(
                    line_id,
                    kind,
                    Decimal(amount),
                    explanation,
                    code or "",
                    datetime.fromisoformat(window_start) if window_start else row.starts_at,
                )
                for line_id, kind, amount, explanation, code, window_start in row.lines or ()
            ]
            yield PeriodWithLines(billed, lines, RatingPeriod.from_row(row), row.continues)


def _paid_burn(period_id: int, currency: str) -> UsageAmounts:
    """Return the paid prepaid usage of a period: what the ledger took from paid lots, at their cost."""
    amounts: dict[tuple[str, datetime], Decimal] = {}
    for draw in Drawdown.objects.filter(period=period_id).select_related("plan_feature__feature"):
        entries = Entry.objects.filter(transaction__draw=draw.pk, lot__is_paid=True, wallet__currency=currency)
        if money := entries.aggregate(money=Sum("money"))["money"]:
            amounts[draw.plan_feature.feature.code, draw.window_start] = round_money(-money, currency)
    return amounts


def _wrong_cycle_rows(cycle: CommitmentCycle, lines: Sequence[CommitmentLine], *, period_id: int) -> Iterator[Row]:
    # Usage that a wallet paid later than a line is unknown as of that line.
    is_prepaid = bool(cycle.spent)
    is_comparable = not (
        is_prepaid or cycle.commitment.periods > 1 or any(line.kind == "usage_credit" for line in lines)
    )
    settled = {"true_up": Decimal(0), "surcharge": Decimal(0)}
    for line in lines:
        if line.kind in settled:
            if not is_prepaid:
                yield from _differences(cycle, line, billed=settled[line.kind])
            settled[line.kind] += line.amount
        elif cycle.commitment.covers(line.feature):
            window = line.window_start if cycle.commitment.per_window else cycle.starts_at
            yield from _wrong_parts(cycle, line, window, is_comparable=is_comparable)
            cycle = cycle.with_spend([(window, line.spend)])
    for kind, stored in settled.items():
        expected = sum(getattr(window, kind) for window in cycle.settle().values())
        if stored != expected:
            yield {"period_id": period_id, "wrong": kind, "stored": stored, "again": expected}


def _wrong_parts(
    cycle: CommitmentCycle, line: CommitmentLine, window: datetime, *, is_comparable: bool
) -> Iterator[Row]:
    """Yield a usage line whose parts within the commitment and beyond it are wrong."""
    stored = json.loads(line.explanation).get("commitment")
    if stored is None:
        # An invoice at a threshold settles no commitment, and a credit has no part of its own.
        if line.amount and line.kind in ("usage", "late_usage") and is_comparable:
            yield {"line_id": line.line_id, "wrong": "commitment", "stored": None}
        return
    within, beyond = Decimal(stored["within"]), Decimal(stored["beyond"])
    limit, spent = cycle.settle()[window].limit, cycle.windows[window].spent
    expected = min(spent + line.amount, limit) - min(spent, limit) if is_comparable else within
    if (within, within + beyond) != (expected, line.amount):
        yield {"line_id": line.line_id, "wrong": "commitment", "stored": stored, "again": expected}


def _differences(cycle: CommitmentCycle, line: CommitmentLine, *, billed: Decimal) -> Iterator[Row]:
    """Yield how a line differs from its recomputed explanation, with the cycle's share as of that time."""
    stored: dict[str, Any] = json.loads(line.explanation)
    cycle_then = cycle
    if not cycle.commitment.per_window:
        (window,) = cycle.windows.values()
        share_then = window._replace(share=Fraction(stored["share"]))
        cycle_then = msgspec.structs.replace(cycle, windows={cycle.starts_at: share_then})
    expected_text = commitment_workings(cycle_then, line.kind, cumulative=line.amount + billed, billed=billed)
    if stored != (expected := json.loads(expected_text)):
        yield {"line_id": line.line_id, "wrong": "explanation", "stored": stored, "again": expected}
