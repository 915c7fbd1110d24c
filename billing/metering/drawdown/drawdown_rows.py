"""Drawdown rows: locked, read together with their counters, and written."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec

from billing.metering.rating_inputs.period_loader import METERING_COLUMNS
from billing.metering.rating_inputs.rating_period import CounterState, RatingPeriod
from billing.metering.store.prepaid_windows import DrawdownKey
from lib import prepared_statements
from lib.decimals import to_plain_string


@dataclass(slots=True)
class DrawdownState:
    """A locked drawdown, its customer, and the counters of its window."""

    id: int
    key: DrawdownKey
    cost: Decimal
    overage: Decimal
    refused: Decimal
    times: int
    customer_id: int
    seller_id: int
    customer: str
    period: RatingPeriod
    counted: dict[int, CounterState] = field(default_factory=dict)


# The three statements use the unique key (period_id, plan_feature_id, window_start). Rows are inserted and locked in
# one order, so that concurrent batches don't deadlock.
_MAKE = """
INSERT INTO billing_drawdown (period_id, plan_feature_id, window_start, cost, overage, refused, times)
SELECT p, f, w, 0, 0, 0, 0 FROM jsonb_to_recordset(%s::jsonb) AS sent(p bigint, f bigint, w timestamptz)
ORDER BY p, f, w ON CONFLICT DO NOTHING
"""
_LOCK = """
SELECT d.id FROM jsonb_to_recordset(%s::jsonb) AS sent(p bigint, f bigint, w timestamptz)
JOIN billing_drawdown d ON (d.period_id, d.plan_feature_id, d.window_start) = (p, f, w)
ORDER BY d.id FOR UPDATE OF d
"""
# A statement of its own, so that its snapshot includes usage counted by earlier holders of the lock.
_READ = f"""
SELECT d.id, d.plan_feature_id, d.window_start, d.cost, d.overage, d.refused, d.times, s.customer_id, s.seller_id,
    cu.external_id AS customer, {METERING_COLUMNS}, c.rate_id, c.events, c.quantity, c.fingerprint, c.carried
FROM jsonb_to_recordset(%s::jsonb) AS sent(p bigint, f bigint, w timestamptz)
JOIN billing_drawdown d ON (d.period_id, d.plan_feature_id, d.window_start) = (sent.p, sent.f, sent.w)
JOIN billing_period p ON p.id = d.period_id
JOIN billing_subscription s ON s.id = p.subscription_id
JOIN customers_customer cu ON cu.id = s.customer_id
LEFT JOIN billing_counter c
    ON (c.period_id, c.plan_feature_id, c.window_start) = (d.period_id, d.plan_feature_id, d.window_start)
ORDER BY d.id
"""  # noqa: S608
_WRITE = """
UPDATE billing_drawdown d SET cost = c, overage = o, refused = r, times = t
FROM jsonb_to_recordset(%s::jsonb) AS sent(i bigint, c numeric, o numeric, r numeric, t int) WHERE d.id = sent.i
"""


def lock_drawdowns(keys: Collection[DrawdownKey]) -> list[DrawdownState]:
    """Lock these drawdowns in the order of their ids, create missing ones, and read their counters."""
    document = _document(keys)
    insert_cursor, lock_cursor, read_cursor = (
        prepared_statements.cursor(),
        prepared_statements.cursor(),
        prepared_statements.named_cursor(),
    )
    # Pipelined: three statements in one round trip.
    with prepared_statements.pipeline():
        insert_cursor.execute(_MAKE, [document])
        lock_cursor.execute(_LOCK, [document])
        read_cursor.execute(_READ, [document], binary=True)
    return _build_states(read_cursor.fetchall())


def read_drawdowns(keys: Collection[DrawdownKey]) -> list[DrawdownState]:
    """Read these drawdowns and their counters without a lock."""
    with prepared_statements.named_cursor() as cursor:
        cursor.execute(_READ, [_document(keys)], binary=True)
        return _build_states(cursor.fetchall())


def _document(keys: Iterable[DrawdownKey]) -> str:
    return msgspec.json.encode([{"p": key[0], "f": key[1], "w": key[2]} for key in keys]).decode()


def _build_states(rows: Iterable[Any]) -> list[DrawdownState]:
    drawdowns: dict[int, DrawdownState] = {}
    for row in rows:
        if row.id not in drawdowns:
            drawdowns[row.id] = DrawdownState(
                id=row.id,
                key=DrawdownKey(row.period_id, row.plan_feature_id, row.window_start),
                cost=row.cost,
                overage=row.overage,
                refused=row.refused,
                times=row.times,
                customer_id=row.customer_id,
                seller_id=row.seller_id,
                customer=row.customer,
                period=RatingPeriod.from_row(row),
            )
        # One row per counter; a new drawdown may have none yet.
        if row.rate_id is not None:
            drawdowns[row.id].counted[row.rate_id] = CounterState.from_row(row)
    return list(drawdowns.values())


def write_drawdowns(drawdowns: Iterable[DrawdownState]) -> None:
    """Update the drawdowns' rows to their present state."""
    rows = [
        {
            "i": drawdown.id,
            "c": to_plain_string(drawdown.cost),
            "o": to_plain_string(drawdown.overage),
            "r": to_plain_string(drawdown.refused),
            "t": drawdown.times,
        }
        for drawdown in drawdowns
    ]
    with prepared_statements.cursor() as cursor:
        cursor.execute(_WRITE, [msgspec.json.encode(rows).decode()])
