"""Check included credits: each period got the grants of its version, once and in the right amount."""

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from typing import Any, NamedTuple

from django.db import connection

from billing.audit.check import Check, Row
from billing.audit.shared_reads import Books
from billing.subscriptions.terms.credit_grants import READ_PERIODS, PeriodToGrant, grants_for_period
from billing.subscriptions.terms.included_credits import read_included_credits
from lib.decimals import EXACT
from wallets.ledger.grant import Grant

# Periods in memory at a time, with the terms that their grants are recomputed from.
CHUNK = 1_000

_GRANTED_PERIODS = "SELECT period_id, next_at, revision FROM billing_periodgrant ORDER BY period_id"
_REZONED = "SELECT pgh_obj_id FROM customers_customerevent GROUP BY 1 HAVING count(DISTINCT time_zone) > 1"
_LOTS = """
    SELECT split_part(l.source, ':', 2)::bigint, w.customer_id, l.id, w.unit, l.source, l.amount, l.remaining,
        l.valid_from, l.expires_at, l.priority, l.features, l.rollover_most, l.rollover_ends, l.kind,
        coalesce((SELECT -sum(e.units) FROM wallets_entry e JOIN wallets_transaction t ON t.id = e.transaction_id
            WHERE e.lot_id = l.id AND t.kind = 'void'), 0)
    FROM wallets_lot l JOIN wallets_wallet w ON w.id = l.wallet_id
    WHERE l.source ~ '^(period|starter):[0-9]+:[0-9]+' AND split_part(l.source, ':', 2)::bigint = ANY(%s)
"""


class GrantedLot(NamedTuple):
    """A lot that was granted for a period. void: units taken back."""

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
    """Compute the grants of every period again, a thousand periods at a time."""
    granted_periods = iter(_rows(_GRANTED_PERIODS, []))
    rezoned_ids = {customer_id for (customer_id,) in _rows(_REZONED, [])}
    while chunk := {
        period_id: (next_at, revision) for period_id, next_at, revision in islice(granted_periods, CHUNK)
    }:
        lots: dict[int, list[GrantedLot]] = defaultdict(list)
        for row in _rows(_LOTS, [list(chunk)]):
            lots[row[0]].append(GrantedLot(*row))
        due_periods = [PeriodToGrant(*row) for row in _rows(READ_PERIODS, [list(chunk)])]
        rules = read_included_credits({(due_period.version_id, due_period.currency) for due_period in due_periods})
        for due_period in due_periods:
            next_at, revision = chunk[due_period.period_id]
            # Customers who have changed their time zone can't be checked, because the earlier zone is not stored. A
            # period whose revision has just changed is adjusted within a minute.
            if due_period.customer_id not in rezoned_ids and revision == due_period.revision:
                expected_grants = list(
                    grants_for_period(due_period, rules[due_period.version_id, due_period.currency])
                )
                grants_so_far = [
                    (unit, grant) for unit, grant in expected_grants if next_at is None or grant.valid_from < next_at
                ]
                yield from _compare_lots(due_period, grants_so_far, lots[due_period.period_id])
                if next_at is not None and all(grant.valid_from != next_at for _, grant in expected_grants):
                    yield {"period_id": due_period.period_id, "next_at": next_at}


def _compare_lots(due: PeriodToGrant, expected: list[tuple[str, Grant]], lots: list[GrantedLot]) -> Iterator[Row]:
    lots_by_source: dict[str, list[GrantedLot]] = defaultdict(list)
    for lot in lots:
        lots_by_source[lot.source].append(lot)
    for unit, grant in expected:
        source_lots = lots_by_source.pop(grant.source, [])
        if len(source_lots) != 1 or not _matches_grant(due, unit, grant, source_lots[0]):
            yield {"period_id": due.period_id, "source": grant.source, "granted": len(source_lots)}
    for source, source_lots in lots_by_source.items():
        # A period that was cut short loses its later grants, except for the units already used.
        if due.revision == 1 or any(lot.remaining for lot in source_lots):
            yield {"period_id": due.period_id, "source": source, "granted": len(source_lots), "included": 0}


def _matches_grant(due: PeriodToGrant, unit: str, grant: Grant, lot: GrantedLot) -> bool:
    remaining = EXACT.subtract(lot.amount, lot.void)
    conditions = [
        lot.kind == grant.kind,
        lot.customer_id == due.customer_id,
        lot.unit == unit,
        lot.amount == grant.amount if due.revision == 1 else remaining >= grant.amount or bool(lot.void),
        lot.valid_from == grant.valid_from,
        # Staff may extend a lot.
        lot.expires_at == grant.expires_at or grant.expires_at is None or _is_later(lot.expires_at, grant.expires_at),
        lot.priority == grant.priority,
        sorted(lot.features) == sorted(grant.features),
        lot.rollover_most == grant.rollover_most or not grant.rollover_ends,
        list(lot.rollover_ends) == list(grant.rollover_ends) or lot.expires_at != grant.expires_at,
    ]
    return all(conditions)


def _is_later(stored: Any, granted: Any) -> bool:
    return stored is None or stored > granted


def _rows(query: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


CHECKS = (Check("included_credits_are_granted_once", "W7", _wrong_grants),)
