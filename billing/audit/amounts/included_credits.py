"""Included credits: each period was granted what its version includes, once, and the right amount."""

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from typing import Any, NamedTuple

from django.db import connection

from billing.audit.check import Check, Row
from billing.audit.shared_reads import Books
from billing.audit.usage.attribution_inputs import moved_customers
from billing.subscriptions.terms.credit_grants import PERIODS, Due, grants_of
from billing.subscriptions.terms.included_credits import included_in
from lib.decimals import EXACT
from wallets.ledger.grant import Grant

CHUNK = 1_000

# A task looks once a minute; what it has not done ten minutes after a grant begins, it does not find.
_NOT_GRANTED = """
    SELECT p.id AS period_id, g.period_id IS NOT NULL AS granted, g.next_at FROM billing_period p
    LEFT JOIN billing_periodgrant g ON g.period_id = p.id
    WHERE p.kind = 'regular' AND EXISTS (SELECT FROM plans_includedcredits i WHERE i.version_id = p.version_id)
        AND p.starts_at < now() - interval '10 minutes'
        AND (g.period_id IS NULL OR g.next_at < least(now() - interval '10 minutes', p.ends_at)
            OR g.starts_at <> p.starts_at OR g.subscription_id <> p.subscription_id)
"""

_GONE = """
    SELECT l.id AS lot_id, l.source, l.remaining FROM wallets_lot l JOIN wallets_wallet w ON w.id = l.wallet_id
    WHERE l.kind = 'included' AND l.source ~ '^(period|starter):[0-9]+:[0-9]+' AND l.remaining > l.held
        AND NOT EXISTS (SELECT FROM billing_period p JOIN billing_subscription s ON s.id = p.subscription_id
            WHERE p.id = split_part(l.source, ':', 2)::bigint AND s.customer_id = w.customer_id)
        AND NOT EXISTS (SELECT FROM billing_periodgrant g WHERE g.period_id = split_part(l.source, ':', 2)::bigint)
    UNION ALL
    SELECT g.period_id, NULL, NULL FROM billing_periodgrant g
    WHERE NOT EXISTS (SELECT FROM billing_period p WHERE p.id = g.period_id)
        AND g.starts_at < now() - interval '2 days'
"""

_MARKED = "SELECT period_id, next_at, revision FROM billing_periodgrant ORDER BY period_id"
_LOTS = """
    SELECT split_part(l.source, ':', 2)::bigint, w.customer_id, l.id, w.unit, l.source, l.amount, l.remaining,
        l.valid_from, l.expires_at, l.priority, l.features, l.rollover_most, l.rollover_ends, l.kind,
        coalesce((SELECT -sum(e.units) FROM wallets_entry e JOIN wallets_transaction t ON t.id = e.transaction_id
            WHERE e.lot_id = l.id AND t.kind = 'void'), 0)
    FROM wallets_lot l JOIN wallets_wallet w ON w.id = l.wallet_id
    WHERE l.source ~ '^(period|starter):[0-9]+:[0-9]+' AND split_part(l.source, ':', 2)::bigint = ANY(%s)
"""


class Held(NamedTuple):
    """A lot that a period was granted. void: units taken back."""

    period_id: int
    customer_id: int
    id: int
    unit: str
    source: str
    amount: Decimal
    remaining: Decimal
    valid_from: Any
    expires_at: Any
    priority: int
    features: list[int]
    rollover_most: Decimal | None
    rollover_ends: list[Any]
    kind: str
    void: Decimal


def _wrong_grants(books: Books) -> Iterator[Row]:
    """Work out what every period is granted again, a thousand at a time."""
    marked = iter(_rows(_MARKED, []))
    moved = moved_customers()
    while chunk := {id_: (next_at, revision) for id_, next_at, revision in islice(marked, CHUNK)}:
        lots: dict[int, list[Held]] = defaultdict(list)
        for row in _rows(_LOTS, [list(chunk)]):
            lots[row[0]].append(Held(*row))
        due = [Due(*row) for row in _rows(PERIODS, [list(chunk)])]
        rules = included_in({(one.version_id, one.currency) for one in due})
        for one in due:
            next_at, revision = chunk[one.period_id]
            # What an earlier time zone was granted by is not known any more; what was moved is fitted in a minute.
            if one.customer_id not in moved and revision == one.revision:
                granted = list(grants_of(one, rules[one.version_id, one.currency]))
                wanted = [it for it in granted if next_at is None or it[1].valid_from < next_at]
                yield from _compared(one, wanted, lots[one.period_id])
                if next_at is not None and all(given.valid_from != next_at for _, given in granted):
                    yield {"period_id": one.period_id, "next_at": next_at}


def _compared(due: Due, wanted: list[tuple[str, Grant]], lots: list[Held]) -> Iterator[Row]:
    there: dict[str, list[Held]] = defaultdict(list)
    for lot in lots:
        there[lot.source].append(lot)
    for unit, given in wanted:
        found = there.pop(given.source, [])
        if len(found) != 1 or not _is_as_granted(due, unit, given, found[0]):
            yield {"period_id": due.period_id, "source": given.source, "granted": len(found)}
    for source, found in there.items():
        # What a period that was cut short is not granted any more is taken back, but not what was used of it.
        if due.revision == 1 or any(one.remaining for one in found):
            yield {"period_id": due.period_id, "source": source, "granted": len(found), "included": 0}


def _is_as_granted(due: Due, unit: str, given: Grant, lot: Held) -> bool:
    left = EXACT.subtract(lot.amount, lot.void)
    conditions = [
        lot.kind == given.kind,
        lot.customer_id == due.customer_id,
        lot.unit == unit,
        lot.amount == given.amount if due.revision == 1 else left >= given.amount or bool(lot.void),
        lot.valid_from == given.valid_from,
        # A person may let it last longer.
        lot.expires_at == given.expires_at or given.expires_at is None or _is_later(lot.expires_at, given.expires_at),
        lot.priority == given.priority,
        sorted(lot.features) == sorted(given.features),
        lot.rollover_most == given.rollover_most or not given.rollover_ends,
        list(lot.rollover_ends) == list(given.rollover_ends) or lot.expires_at != given.expires_at,
    ]
    return all(conditions)


def _is_later(found: Any, agreed: Any) -> bool:
    return found is None or found > agreed


def _rows(query: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return cursor.fetchall()


CHECKS = (
    Check("periods_are_granted_in_time", "W7", _NOT_GRANTED),
    Check("periods_are_granted_what_they_include_once", "W7", _wrong_grants),
    Check("what_removed_periods_were_granted_is_taken_back", "W7", _GONE),
)
