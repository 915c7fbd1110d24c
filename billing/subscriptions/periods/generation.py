"""
Give running subscriptions their next periods.

The last period of a subscription is the gate for what follows it: whoever adds a period holds the last one locked,
and so does whoever cuts the subscription short. Two workers may extend at the same time; the rows are unique.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple

from django.db import connection, transaction

from billing.models.subscriptions import GETS_PERIODS
from billing.subscriptions.periods.boundaries import Span, anchor_of, spans, whole_interval
from customers.customer_time import of_clock
from plans.catalog.stored_terms import terms_of
from plans.models.prices import Billed

AHEAD = timedelta(hours=2)
"""How long before it begins a period is made, so that usage at its very start finds it."""

CHUNK = 1_000


@dataclass(frozen=True, slots=True)
class Last:
    """
    A subscription, with the end of its last period: what its next one depends on.

    next_version_id: the version by which periods that begin at `moves_at` or later are billed, if it is to change.
    paused_at, resumes_at: the pause that has begun or is to come, where there is one, and its end if that is known.
    """

    subscription_id: int
    version_id: int
    currency: str
    anchor_at: datetime
    subscription_ends_at: datetime | None
    time_zone: str
    grace: timedelta
    period_id: int
    ends_at: datetime
    last_version_id: int
    next_version_id: int | None
    moves_at: datetime | None
    paused_at: datetime | None
    resumes_at: datetime | None


class New(NamedTuple):
    """A period to be made. continues: the period before a pause, in whose interval it lies."""

    subscription_id: int
    version_id: int
    starts_at: datetime
    ends_at: datetime
    due_at: datetime
    kind: str = "regular"
    continues: int | None = None


_LAST = f"""
SELECT s.id, s.version_id, s.currency, s.anchor_at, s.ends_at, c.time_zone, se.grace, last.id, last.ends_at,
    last.version_id, move.version_id, move.moment, pause.starts_at, pause.ends_at
FROM billing_subscription s
JOIN customers_customer c ON c.id = s.customer_id
JOIN customers_seller se ON se.id = c.seller_id
JOIN LATERAL (
    SELECT p.id, p.ends_at, p.version_id FROM billing_period p
    WHERE p.subscription_id = s.id AND p.kind = 'regular' ORDER BY p.starts_at DESC LIMIT 1
) last ON true
LEFT JOIN billing_scheduledchange move ON move.subscription_id = s.id AND move.state = 'pending'
    AND EXISTS (SELECT FROM plans_planversion v WHERE v.id = move.version_id AND v.state NOT IN ('draft', 'review'))
LEFT JOIN LATERAL (
    SELECT z.starts_at, z.ends_at FROM billing_pause z WHERE z.subscription_id = s.id AND z.state <> 'revoked'
        AND (z.ends_at IS NULL OR z.ends_at > last.ends_at) ORDER BY z.starts_at LIMIT 1
) pause ON true
WHERE s.state IN {GETS_PERIODS} AND last.ends_at < %(until)s AND (s.ends_at IS NULL OR s.ends_at > last.ends_at)
    AND (pause.starts_at IS NULL OR pause.starts_at > last.ends_at OR pause.ends_at < %(until)s)
"""  # noqa: S608

_INSERT = """
INSERT INTO billing_period (subscription_id, version_id, kind, state, revision, starts_at, ends_at, due_at, error,
    attempts, continues_id)
SELECT s, v, k, 'open', 1, b, e, d, '', 0, c
FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::text[],
    %s::bigint[]) AS t(s, v, b, e, d, k, c)
ON CONFLICT DO NOTHING
"""


def extend_periods(*, until: datetime, clock: int | None = None, chunk: int = CHUNK) -> int:
    """
    Give every running subscription the periods that begin before `until`; return how many were added.

    clock: of customers in this test clock's time; in real time for None. May run twice, or several times at once: a
    period is added once.
    """
    added, after = 0, 0
    while True:
        condition, parameters = (
            f" AND {of_clock(clock, 'c.id')} AND s.id > %(after)s ORDER BY s.id LIMIT %(limit)s",
            {"after": after, "limit": chunk},
        )
        found, last_id = _extend(condition, parameters, until=until)
        if last_id is None:
            return added
        added, after = added + found, last_id


def extend_customers(*, customer_ids: Sequence[int], until: datetime) -> int:
    """Give the running subscriptions of these customers the periods that begin before `until`."""
    return _extend(" AND s.customer_id = ANY(%(customers)s)", {"customers": list(customer_ids)}, until=until)[0]


def extend_one(*, subscription_id: int, until: datetime) -> int:
    """Give a subscription, whose last period the caller holds locked, the periods that begin before `until`."""
    condition = " AND s.id = %(subscription)s"
    return _insert(_read_last(condition, {"subscription": subscription_id}, until=until), until=until)


def follow(*, subscription_ids: Sequence[int], last_period_ids: Sequence[int], until: datetime) -> int:
    """
    Give these subscriptions their next periods, as far as they begin before `until`; return how many were added.

    last_period_ids: their last periods, which the caller holds locked. Where one is not the last any more, nothing
    is added.
    """
    condition = " AND s.id = ANY(%(subscriptions)s) AND last.id = ANY(%(periods)s)"
    parameters = {"subscriptions": list(subscription_ids), "periods": list(last_period_ids)}
    return _insert(_read_last(condition, parameters, until=until), until=until)


def next_period(*, subscription_id: int, after: datetime) -> tuple[int, Span, datetime] | None:
    """Return the period that would be made after the last one, which ends at `after`: version, span and anchor."""
    return next_periods(subscription_ids=[subscription_id], until=after + AHEAD).get(subscription_id)


def next_periods(*, subscription_ids: Sequence[int], until: datetime) -> dict[int, tuple[int, Span, datetime]]:
    """
    Return subscription → the period that would be made after its last one, where that ends before `until`.

    What comes after a pause has an opening period of its own, and follows none.
    """
    found = _read_last(" AND s.id = ANY(%(subscriptions)s)", {"subscriptions": list(subscription_ids)}, until=until)
    return {
        last.subscription_id: (*one, last.anchor_at)
        for last in found
        for one in islice(_following(last, until), 1)
        if one[1][0] == last.ends_at
    }


@transaction.atomic
def _extend(condition: str, parameters: dict[str, Any], *, until: datetime) -> tuple[int, int | None]:
    """Return how many periods were added, and the greatest id of the subscriptions looked at, if any."""
    candidates = _read_last(condition, parameters, until=until)
    if not candidates:
        return 0, None
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM billing_period WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE",
            [[last.period_id for last in candidates]],
        )
    # Read again: until the locks were had, a subscription may have been canceled or extended by somebody else.
    added = follow(
        subscription_ids=[last.subscription_id for last in candidates],
        last_period_ids=[last.period_id for last in candidates],
        until=until,
    )
    return added, max(last.subscription_id for last in candidates)


def _read_last(condition: str, parameters: dict[str, Any], *, until: datetime) -> list[Last]:
    with connection.cursor() as cursor:
        cursor.execute(_LAST + condition, {**parameters, "until": until})
        return [Last(*row) for row in cursor.fetchall()]


def _insert(found: Sequence[Last], *, until: datetime) -> int:
    rows = [
        New(last.subscription_id, version_id, *span, span[1] + last.grace)
        for last in found
        for version_id, span in _following(last, until)
    ]
    resumed = {last.subscription_id: last for last in found if last.resumes_at is not None}
    if resumed:
        rows = [after for row in rows for after in _resuming(row, resumed.get(row.subscription_id))]
    return insert_periods(rows)


def _resuming(row: New, last: Last | None) -> Iterator[New]:
    """
    Yield a period; one that ends a pause after an opening one, which bills what is due in advance of it.

    In the interval that the pause began in, it goes on from what was used there.
    """
    if last is None or row.starts_at != last.resumes_at:
        yield row
        return
    terms = terms_of(row.version_id, last.currency)
    if any(fee.billed == Billed.ADVANCE for fee in terms.fees):
        yield row._replace(kind="opening", ends_at=row.starts_at, due_at=row.starts_at)
    anchor = anchor_of(terms, anchor_at=last.anchor_at, time_zone=last.time_zone)
    start, end = whole_interval(anchor, row.starts_at)
    in_one = row.version_id == last.last_version_id and start < last.ends_at < end
    yield row._replace(continues=last.period_id if in_one else None)


def insert_periods(rows: Sequence[New]) -> int:
    """Add periods that are not there yet; return how many."""
    if not rows:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [list(column) for column in zip(*rows, strict=True)])
        return cursor.rowcount


def _following(last: Last, until: datetime) -> Iterator[tuple[int, Span]]:
    """
    Yield the periods after the last one, each with the version that bills it.

    Existing subscriptions stay on the version they have (they are grandfathered), whatever was published since,
    unless a change is scheduled for them: it takes hold at the first edge at or after its moment.
    """
    end = last.subscription_ends_at
    if last.paused_at is None:
        yield from _billed_by(last, last.ends_at, until, end)
        return
    yield from _billed_by(last, last.ends_at, min(until, last.paused_at), min(end or last.paused_at, last.paused_at))
    if last.resumes_at is not None and (end is None or last.resumes_at < end):
        yield from _billed_by(last, last.resumes_at, until, end)


def _billed_by(last: Last, start: datetime, until: datetime, end: datetime | None) -> Iterator[tuple[int, Span]]:
    """Yield the periods from `start` on that begin before `until`, each with its version."""
    moves_at = last.moves_at or until
    if start < moves_at:
        for span in _spans(last, last.version_id, start, min(until, moves_at), end):
            yield last.version_id, span
            start = span[1]
    if last.next_version_id is not None and moves_at <= start < until:
        for span in _spans(last, last.next_version_id, start, until, end):
            yield last.next_version_id, span


def _spans(last: Last, version_id: int, start: datetime, until: datetime, end: datetime | None) -> Sequence[Span]:
    anchor = anchor_of(terms_of(version_id, last.currency), anchor_at=last.anchor_at, time_zone=last.time_zone)
    return spans(anchor, start=start, until=until, end=end)
