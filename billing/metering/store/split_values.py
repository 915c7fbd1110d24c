"""The values of split prices: numbered in the order in which they are stored, under a lock, up to a bound."""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

import msgspec
from django.db import transaction

from lib import prepared_statements
from plans.pricing.price_splits import SplitText

Positions = Mapping[SplitText, int]
"""Value → its number in the period."""


class SplitPrice(NamedTuple):
    """A split price in one period."""

    period_id: int
    plan_feature_id: int


class NewSplitValue(NamedTuple):
    """A value that a price has not met yet in a period. bound: the most values that the price numbers."""

    price: SplitPrice
    value: SplitText
    bound: int


# Numbers are consecutive, so the values of one period are numbered one batch at a time. The locks are taken in one
# order, against deadlocks, and before the statement that reads the last number.
_LOCK_PRICES = """
SELECT pg_advisory_xact_lock(k) FROM (
    SELECT DISTINCT hashtextextended(format('split values of %%s %%s', p, f), 0) AS k
    FROM unnest(%s::bigint[], %s::bigint[]) AS u(p, f) ORDER BY k
) locks
"""
# The period is locked as by its foreign key, so one that is being removed gets no value.
_INSERT = """
INSERT INTO billing_splitvalue (period_id, plan_feature_id, position, value)
SELECT numbered.p, numbered.f, numbered.position, numbered.v
FROM (
    SELECT sent.p, sent.f, sent.v, sent.bound, coalesce(stored.last, 0)
        + row_number() OVER (PARTITION BY sent.p, sent.f ORDER BY sent.place) AS position
    FROM jsonb_to_recordset(%s::jsonb) AS sent(place int, p bigint, f bigint, v text, bound int)
    LEFT JOIN LATERAL (
        SELECT max(position) AS last FROM billing_splitvalue WHERE (period_id, plan_feature_id) = (sent.p, sent.f)
    ) stored ON true
    WHERE NOT EXISTS (
        SELECT FROM billing_splitvalue
        WHERE (period_id, plan_feature_id) = (sent.p, sent.f) AND value IS NOT DISTINCT FROM sent.v
    )
) numbered
JOIN (SELECT id FROM billing_period WHERE id = ANY(%s::bigint[]) ORDER BY id FOR KEY SHARE) period
    ON period.id = numbered.p
WHERE numbered.position <= numbered.bound
"""
_READ = """
SELECT period_id, plan_feature_id, value, position FROM billing_splitvalue
WHERE (period_id, plan_feature_id) IN (SELECT * FROM unnest(%s::bigint[], %s::bigint[])) ORDER BY position
"""


def store_values(new_values: Collection[NewSplitValue]) -> Mapping[SplitPrice, Positions]:
    """
    Number values that are not numbered yet, in this order and up to the bound of each price, in a transaction.

    Returns all values of these prices, those of other batches included.
    """
    prices = sorted({new.price for new in new_values})
    rows = [
        {"place": place, "p": new.price.period_id, "f": new.price.plan_feature_id, "v": new.value, "bound": new.bound}
        for place, new in enumerate(new_values)
    ]
    with transaction.atomic(), prepared_statements.cursor() as cursor:
        cursor.execute(_LOCK_PRICES, list(map(list, zip(*prices, strict=True))))
        cursor.execute(_INSERT, [msgspec.json.encode(rows).decode(), [price.period_id for price in prices]])
        return read_values(prices)


def read_values(prices: Iterable[SplitPrice]) -> dict[SplitPrice, dict[SplitText, int]]:
    """Return the numbered values of these prices; a price without any is left out."""
    positions: dict[SplitPrice, dict[SplitText, int]] = {}
    columns = list(map(list, zip(*prices, strict=True)))
    if columns:
        with prepared_statements.cursor() as cursor:
            cursor.execute(_READ, columns)
            for period_id, plan_feature_id, value, position in cursor.fetchall():
                positions.setdefault(SplitPrice(period_id, plan_feature_id), {})[value] = position
    return positions
