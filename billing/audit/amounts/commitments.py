"""Commitments, settled anew from the lines that count toward them."""

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import groupby
from typing import Any, NamedTuple

import msgspec
from django.db import connection
from psycopg import ServerCursor

from billing.audit.check import Row
from billing.audit.shared_reads import Books
from billing.closing.commitments.contract_state import Billed, contract_of, contracts
from billing.closing.lines.true_up_lines import explained
from billing.closing.records import Contract
from billing.metering.rating_inputs.effective_terms import OVERRIDES
from billing.metering.rating_inputs.period_counters import Span
from billing.models.subscriptions import GETS_PERIODS
from plans.pricing.commitments import Settled, settle

_PERIODS = f"""
SELECT p.subscription_id, p.id, p.version_id, p.starts_at, p.ends_at, p.state = 'closed', l.lines, s.currency,
    s.anchor_at, c.time_zone, {OVERRIDES},
    s.state IN {GETS_PERIODS} AND (s.ends_at IS NULL OR s.ends_at > p.ends_at)
FROM billing_period p JOIN billing_subscription s ON s.id = p.subscription_id
JOIN customers_customer c ON c.id = s.customer_id
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


class Line(NamedTuple):
    line_id: int
    kind: str
    amount: Decimal
    explanation: str


class Period(NamedTuple):
    """A period with the lines that are about it, and what its subscription says of it."""

    billed: Billed
    lines: list[Line]
    span: Span
    goes_on: bool


def wrong_settlements(books: Books) -> Iterator[Row]:
    """Yield lines that settle a commitment for another sum than it comes to, and contracts that lack one."""
    for _, of_one in groupby(_read(), key=lambda one: one.billed.subscription_id):
        periods = {one.billed.period_id: one for one in of_one}
        last = list(periods.values())[-1]
        billed = [one.billed for one in periods.values()]
        for run in contracts(billed, last.span):
            ends = run[-1] is not last.billed or not last.goes_on
            contract = contract_of(run, last.span, ends=ends)
            lines = sorted(line for one in run for line in periods[one.period_id].lines)
            yield from _wrong(contract, lines, period_id=run[-1].period_id)


def _read() -> Iterator[Period]:
    with ServerCursor(connection.connection, "audit_commitments") as cursor:
        cursor.execute(_PERIODS)
        for subscription_id, id_, version_id, starts_at, ends_at, is_closed, found, *facts in cursor:
            currency, anchor_at, time_zone, overrides, goes_on = facts
            zero = Decimal(0)
            billed = Billed(subscription_id, id_, version_id, starts_at, ends_at, is_closed, zero, zero, zero)
            lines = [Line(one, kind, Decimal(amount), stated) for one, kind, amount, stated in found or ()]
            span = Span(id_, version_id, currency, starts_at, ends_at, anchor_at, time_zone, overrides)
            yield Period(billed, lines, span, goes_on)


def _wrong(contract: Contract, lines: Sequence[Line], *, period_id: int) -> Iterator[Row]:
    claimed = {"true_up": Decimal(0), "surcharge": Decimal(0)}
    spent = Decimal(0)
    for line in lines:
        if line.kind not in claimed:
            spent += -line.amount if line.kind == "usage_credit" else line.amount
            continue
        yield from _differences(contract, line, spent=spent, billed=claimed[line.kind])
        claimed[line.kind] += line.amount
    again = _settled(contract, spent)
    for kind, stored in claimed.items():
        if stored != getattr(again, kind):
            yield {"period_id": period_id, "wrong": kind, "stored": stored, "again": getattr(again, kind)}


def _settled(contract: Contract, spent: Decimal) -> Settled:
    return settle(
        contract.commitment, spent=spent, currency=contract.currency, share=contract.share, is_final=contract.is_over
    )


def _differences(contract: Contract, line: Line, *, spent: Decimal, billed: Decimal) -> Iterator[Row]:
    """Yield how a line differs from its own workings; its share is that of the contract as it was then."""
    stored: dict[str, Any] = json.loads(line.explanation)
    then = msgspec.structs.replace(contract, share=Fraction(stored["share"]))
    workings = explained(
        then, _settled(then, spent), line.kind, spent=spent, cumulative=line.amount + billed, billed=billed
    )
    if stored != (again := json.loads(workings)):
        yield {"line_id": line.line_id, "wrong": "explanation", "stored": stored, "again": again}
