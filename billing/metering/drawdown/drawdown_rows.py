"""Draws as they are stored: locked, read with what was counted, and written."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec

from billing.metering.rating_inputs.effective_terms import OVERRIDES
from billing.metering.rating_inputs.period_counters import CounterState, RatingPeriod
from billing.metering.rating_inputs.plan_change_carryover import CONTINUES
from billing.metering.store.prepaid_windows import DrawdownKey
from billing.subscriptions.periods.boundaries import ANCHOR_AT
from lib import prepared_statements
from lib.decimals import to_plain_string


@dataclass(slots=True)
class DrawdownState:
    """A draw that is locked, whose it is, and all that was counted of it by now."""

    id: int
    key: DrawdownKey
    cost: Decimal
    overage: Decimal
    refused: Decimal
    times: int
    customer_id: int
    customer: str
    span: RatingPeriod
    counted: dict[int, CounterState] = field(default_factory=dict)


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
# A statement of its own: it sees what those counted who held the lock before.
_READ = f"""
SELECT d.id, d.period_id, d.plan_feature_id, d.window_start, d.cost, d.overage, d.refused, d.times, s.customer_id,
    cu.external_id, p.id, p.version_id, s.currency, p.starts_at, p.ends_at, {ANCHOR_AT}, cu.time_zone, {OVERRIDES},
    {CONTINUES}, p.is_trial, c.rate_id, c.events, c.quantity, c.fingerprint, c.carried
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
    """Lock these draws in the order of their numbers, making what is missing, and read what was counted of them."""
    document = _document(keys)
    made, held, found = prepared_statements.cursor(), prepared_statements.cursor(), prepared_statements.cursor()
    with prepared_statements.pipeline():
        made.execute(_MAKE, [document])
        held.execute(_LOCK, [document])
        found.execute(_READ, [document], binary=True)
    return _drawn(found.fetchall())


def read_drawdowns(keys: Collection[DrawdownKey]) -> list[DrawdownState]:
    """Read these draws and what was counted of them, without a lock."""
    with prepared_statements.cursor() as cursor:
        cursor.execute(_READ, [_document(keys)], binary=True)
        return _drawn(cursor.fetchall())


def _document(keys: Iterable[DrawdownKey]) -> str:
    return msgspec.json.encode([{"p": one[0], "f": one[1], "w": one[2]} for one in keys]).decode()


def _drawn(rows: Iterable[Sequence[Any]]) -> list[DrawdownState]:
    found: dict[int, DrawdownState] = {}
    for id_, period_id, plan_feature_id, window_start, *rest in rows:
        if id_ not in found:
            span, key = RatingPeriod(*rest[6:16]), DrawdownKey(period_id, plan_feature_id, window_start)
            found[id_] = DrawdownState(id_, key, *rest[:6], span)
        if rest[16] is not None:
            found[id_].counted[rest[16]] = CounterState(*rest[17:])
    return list(found.values())


def write_drawdowns(draws: Iterable[DrawdownState]) -> None:
    """Leave draws as they are now."""
    rows = [
        {
            "i": one.id,
            "c": to_plain_string(one.cost),
            "o": to_plain_string(one.overage),
            "r": to_plain_string(one.refused),
            "t": one.times,
        }
        for one in draws
    ]
    with prepared_statements.cursor() as cursor:
        cursor.execute(_WRITE, [msgspec.json.encode(rows).decode()])
