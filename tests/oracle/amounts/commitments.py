"""Check commitments: settle them again from the lines that count toward them."""

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import groupby
from typing import Any, NamedTuple

import msgspec
from django.db import connection
from psycopg import ServerCursor
from psycopg.rows import namedtuple_row

from billing.audit.check import Row
from billing.audit.shared_reads import Books
from billing.closing.commitments.contract_state import BilledPeriod, build_cycle, commitment_cycles
from billing.closing.lines.true_up_lines import commitment_workings
from billing.closing.records import CommitmentCycle
from billing.metering.rating_inputs.period_loader import RATING_COLUMNS
from billing.metering.rating_inputs.rating_period import RatingPeriod
from billing.models.subscriptions import STATES_WITH_PERIODS
from plans.pricing.commitments import CommitmentSettlement, settle_commitment

_PERIODS = f"""
SELECT {RATING_COLUMNS}, p.subscription_id, p.state = 'closed' AS is_closed, l.lines,
    s.state IN {STATES_WITH_PERIODS} AND (s.ends_at IS NULL OR s.ends_at > p.ends_at) AS continues
FROM billing_period p JOIN billing_subscription s ON s.id = p.subscription_id
JOIN customers_customer cu ON cu.id = s.customer_id
LEFT JOIN LATERAL (
    SELECT json_agg(json_build_array(l.id, l.kind, l.amount::text, l.explanation::text)) AS lines
    FROM (SELECT line_id FROM billing_billedusage WHERE period_id = p.id
        UNION ALL SELECT line_id FROM billing_settlement WHERE period_id = p.id) b
    JOIN invoices_line l ON l.id = b.line_id
) l ON true
WHERE p.kind = 'regular' AND NOT p.is_trial AND (EXISTS (
    SELECT FROM billing_period o JOIN plans_commitment m ON m.version_id = o.version_id
    WHERE o.subscription_id = p.subscription_id AND m.currency = s.currency)
    OR EXISTS (SELECT FROM billing_subscriptioncommitment o WHERE o.subscription_id = p.subscription_id))
ORDER BY p.subscription_id, p.starts_at
"""  # noqa: S608


class CommitmentLine(NamedTuple):
    """A usage line, or a line that settles a commitment."""

    line_id: int
    kind: str
    amount: Decimal
    explanation: str


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
                usage=Decimal(0),
                true_up=Decimal(0),
                surcharge=Decimal(0),
            )
            lines = [
                CommitmentLine(line_id, kind, Decimal(amount), explanation)
                for line_id, kind, amount, explanation in row.lines or ()
            ]
            yield PeriodWithLines(billed, lines, RatingPeriod.from_row(row), row.continues)


def _wrong_cycle_rows(cycle: CommitmentCycle, lines: Sequence[CommitmentLine], *, period_id: int) -> Iterator[Row]:
    settled = {"true_up": Decimal(0), "surcharge": Decimal(0)}
    spent = Decimal(0)
    for line in lines:
        if line.kind not in settled:
            spent += -line.amount if line.kind == "usage_credit" else line.amount
            continue
        yield from _differences(cycle, line, spent=spent, billed=settled[line.kind])
        settled[line.kind] += line.amount
    expected = _settle(cycle, spent)
    for kind, stored in settled.items():
        if stored != getattr(expected, kind):
            yield {"period_id": period_id, "wrong": kind, "stored": stored, "again": getattr(expected, kind)}


def _settle(cycle: CommitmentCycle, spent: Decimal) -> CommitmentSettlement:
    return settle_commitment(
        cycle.commitment, spent=spent, currency=cycle.currency, share=cycle.share, is_final=cycle.is_over
    )


def _differences(cycle: CommitmentCycle, line: CommitmentLine, *, spent: Decimal, billed: Decimal) -> Iterator[Row]:
    """Yield how a line differs from its recomputed explanation, with the cycle's share as of that time."""
    stored: dict[str, Any] = json.loads(line.explanation)
    cycle_then = msgspec.structs.replace(cycle, share=Fraction(stored["share"]))
    expected_text = commitment_workings(
        cycle_then,
        _settle(cycle_then, spent),
        line.kind,
        spent=spent,
        cumulative=line.amount + billed,
        billed=billed,
    )
    if stored != (expected := json.loads(expected_text)):
        yield {"line_id": line.line_id, "wrong": "explanation", "stored": stored, "again": expected}
