"""
Create the upcoming periods of active subscriptions.

A subscription's last period serves as its lock: adding a period and shortening the subscription both lock that row
first. Two workers may generate periods concurrently, because a unique constraint keeps each period single.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple

from django.db import transaction

from billing.models.subscriptions import STATES_WITH_PERIODS
from billing.subscriptions.periods.boundaries import TimeInterval, period_anchor, period_intervals, whole_interval
from customers.customer_time import clock_sql
from lib import sql
from plans.catalog.stored_terms import load_terms
from plans.models.prices import BillingTiming

PERIOD_LEAD_TIME = timedelta(hours=2)
"""How long before it begins a period is created, so that usage at its very start finds it."""

# Subscriptions per transaction: their last periods stay locked until it ends, and plan changes wait for those.
BATCH_SIZE = 1_000


@dataclass(frozen=True, slots=True)
class SubscriptionTail:
    """
    A subscription and its last period: everything the next period depends on.

    own_anchor_at: the subscription's anchor. anchor_at: that of its last period, which is another one once a plan
        change has restarted the billing period.
    next_version_id: version that bills the periods that begin at or after `changes_at`, if a change is scheduled.
        restarts_period: whether the first of them is the anchor of the others.
    paused_at, resumes_at: the current or upcoming pause; `resumes_at` is None while its end is open.
    """

    subscription_id: int
    version_id: int
    currency: str
    own_anchor_at: datetime
    anchor_at: datetime
    subscription_ends_at: datetime | None
    time_zone: str
    grace: timedelta
    period_id: int
    ends_at: datetime
    last_version_id: int
    next_version_id: int | None
    changes_at: datetime | None
    restarts_period: bool | None
    paused_at: datetime | None
    resumes_at: datetime | None


class NextPeriod(NamedTuple):
    """A period that would follow the last one of a subscription."""

    version_id: int
    interval: TimeInterval
    anchor_at: datetime


class NewPeriod(NamedTuple):
    """
    A period to insert.

    continues_id: the period before a pause whose billing interval this one completes.
    anchor_at: its anchor, if that is not the subscription's.
    """

    subscription_id: int
    version_id: int
    starts_at: datetime
    ends_at: datetime
    due_at: datetime
    kind: str = "regular"
    continues_id: int | None = None
    anchor_at: datetime | None = None


# The last period of each subscription, with the scheduled change and the pause that shape the periods after it.
# A change to a version that is withdrawn to draft or review doesn't count.
_READ_TAILS = f"""
SELECT s.id, s.version_id, s.currency, s.anchor_at, coalesce(last.anchor_at, s.anchor_at), s.ends_at, c.time_zone,
    se.grace, last.id, last.ends_at, last.version_id, move.version_id, move.moment, move.restarts_period,
    pause.starts_at, pause.ends_at
FROM billing_subscription s
JOIN customers_customer c ON c.id = s.customer_id
JOIN customers_seller se ON se.id = s.seller_id
JOIN LATERAL (
    SELECT p.id, p.ends_at, p.version_id, p.anchor_at FROM billing_period p
    WHERE p.subscription_id = s.id AND p.kind = 'regular' ORDER BY p.starts_at DESC LIMIT 1
) last ON true
LEFT JOIN billing_scheduledchange move ON move.subscription_id = s.id AND move.state = 'pending'
    AND EXISTS (SELECT FROM plans_planversion v WHERE v.id = move.version_id AND v.state NOT IN ('draft', 'review'))
LEFT JOIN LATERAL (
    SELECT z.starts_at, z.ends_at FROM billing_pause z WHERE z.subscription_id = s.id AND z.state <> 'revoked'
        AND (z.ends_at IS NULL OR z.ends_at > last.ends_at) ORDER BY z.starts_at LIMIT 1
) pause ON true
WHERE s.state IN {STATES_WITH_PERIODS} AND last.ends_at < %(until)s
    AND (s.ends_at IS NULL OR s.ends_at > last.ends_at)
    AND (pause.starts_at IS NULL OR pause.starts_at > last.ends_at OR pause.ends_at < %(until)s)
"""  # noqa: S608

# ON CONFLICT: two workers may insert the same period; the second one skips it.
_INSERT_PERIODS = """
INSERT INTO billing_period (subscription_id, version_id, kind, state, revision, starts_at, ends_at, due_at, error,
    attempts, continues_id, anchor_at)
SELECT s, v, k, 'open', 1, b, e, d, '', 0, c, a
FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::text[],
    %s::bigint[], %s::timestamptz[]) AS t(s, v, b, e, d, k, c, a)
ON CONFLICT DO NOTHING
"""


def generate_periods(*, until: datetime, clock_id: int | None = None, batch_size: int = BATCH_SIZE) -> int:
    """
    Create the periods that begin before `until` for every active subscription; return how many were created.

    clock_id: limit to customers on this test clock; None means real time.

    Safe to repeat and to run concurrently.
    """
    created, after_id = 0, 0
    while True:
        condition = f" AND {clock_sql(clock_id, 'c.id')} AND s.id > %(after)s ORDER BY s.id LIMIT %(limit)s"
        parameters = {"after": after_id, "limit": batch_size}
        batch_created, last_id = _generate_batch(condition, parameters, until=until)
        if last_id is None:
            return created
        created, after_id = created + batch_created, last_id


def generate_customer_periods(*, customer_ids: Sequence[int], until: datetime) -> int:
    """
    Create the periods that begin before `until` for the active subscriptions of these customers; return their number.
    """
    condition, parameters = " AND s.customer_id = ANY(%(customers)s)", {"customers": list(customer_ids)}
    created, _ = _generate_batch(condition, parameters, until=until)
    return created


def generate_subscription_periods(*, subscription_id: int, until: datetime) -> int:
    """Create the periods that begin before `until` for a subscription whose last period the caller has locked."""
    condition = " AND s.id = %(subscription)s"
    return _insert_upcoming(_read_tails(condition, {"subscription": subscription_id}, until=until), until=until)


def append_periods(*, subscription_ids: Sequence[int], last_period_ids: Sequence[int], until: datetime) -> int:
    """
    Create the next periods of these subscriptions that begin before `until`; return how many were created.

    last_period_ids: their last periods, which the caller has locked. A subscription whose last period is not among
    them gets none.
    """
    condition = " AND s.id = ANY(%(subscriptions)s) AND last.id = ANY(%(periods)s)"
    parameters = {"subscriptions": list(subscription_ids), "periods": list(last_period_ids)}
    return _insert_upcoming(_read_tails(condition, parameters, until=until), until=until)


def next_period(*, subscription_id: int, after: datetime) -> NextPeriod | None:
    """Return the period that would follow the last one, which ends at `after`; None if none would."""
    return next_periods(subscription_ids=[subscription_id], until=after + PERIOD_LEAD_TIME).get(subscription_id)


def next_periods(*, subscription_ids: Sequence[int], until: datetime) -> dict[int, NextPeriod]:
    """
    Return subscription id → the period that would follow its last one, if the last one ends before `until`.

    A period after a pause follows none: it has an opening period of its own.
    """
    tails = _read_tails(" AND s.id = ANY(%(subscriptions)s)", {"subscriptions": list(subscription_ids)}, until=until)
    return {
        tail.subscription_id: upcoming
        for tail in tails
        for upcoming in islice(_upcoming_periods(tail, until), 1)
        if upcoming.interval.start == tail.ends_at
    }


@transaction.atomic
def _generate_batch(condition: str, parameters: dict[str, Any], *, until: datetime) -> tuple[int, int | None]:
    """
    Return how many periods were created, and the greatest id of the subscriptions examined, None if there were none.
    """
    tails = _read_tails(condition, parameters, until=until)
    if not tails:
        return 0, None
    # A subscription's last period is the lock for its next one: appending and shortening take it first.
    sql.execute(
        "SELECT id FROM billing_period WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE",
        [[tail.period_id for tail in tails]],
    )
    # Read again under the lock: the subscription may have been canceled or extended since the first read.
    created = append_periods(
        subscription_ids=[tail.subscription_id for tail in tails],
        last_period_ids=[tail.period_id for tail in tails],
        until=until,
    )
    return created, max(tail.subscription_id for tail in tails)


def _read_tails(condition: str, parameters: dict[str, Any], *, until: datetime) -> list[SubscriptionTail]:
    rows = sql.fetch_rows(_READ_TAILS + condition, {**parameters, "until": until})
    return [SubscriptionTail(*row) for row in rows]


def _insert_upcoming(tails: Sequence[SubscriptionTail], *, until: datetime) -> int:
    new_periods = [
        NewPeriod(
            tail.subscription_id,
            version_id,
            *interval,
            due_at=interval.end + tail.grace,
            anchor_at=None if anchor_at == tail.own_anchor_at else anchor_at,
        )
        for tail in tails
        for version_id, interval, anchor_at in _upcoming_periods(tail, until)
    ]
    resuming_tails = {tail.subscription_id: tail for tail in tails if tail.resumes_at is not None}
    if resuming_tails:
        new_periods = [
            period
            for new_period in new_periods
            for period in _periods_after_pause(new_period, resuming_tails.get(new_period.subscription_id))
        ]
    return insert_periods(new_periods)


def _periods_after_pause(period: NewPeriod, tail: SubscriptionTail | None) -> Iterator[NewPeriod]:
    """
    Yield a new period; if it ends a pause, yield before it the opening period that bills its advance fees.

    If the pause began in the same billing interval, the new period continues that interval's usage.
    """
    if tail is None or period.starts_at != tail.resumes_at:
        yield period
        return
    terms = load_terms(period.version_id, tail.currency)
    if any(fee.billed == BillingTiming.ADVANCE for fee in terms.fees):
        yield period._replace(kind="opening", ends_at=period.starts_at, due_at=period.starts_at)
    anchor = period_anchor(terms, anchor_at=period.anchor_at or tail.own_anchor_at, time_zone=tail.time_zone)
    start, end = whole_interval(anchor, period.starts_at)
    is_same_interval = period.version_id == tail.last_version_id and start < tail.ends_at < end
    yield period._replace(continues_id=tail.period_id if is_same_interval else None)


def insert_periods(periods: Sequence[NewPeriod]) -> int:
    """Insert the periods that don't exist yet; return how many."""
    if not periods:
        return 0
    return sql.execute(_INSERT_PERIODS, [list(column) for column in zip(*periods, strict=True)])


def _upcoming_periods(tail: SubscriptionTail, until: datetime) -> Iterator[NextPeriod]:
    """
    Yield the periods after the last one, each with the version that bills it and its anchor.

    Existing subscriptions keep their version (they are grandfathered) unless a change is scheduled; it takes effect
    at the first period boundary at or after its date.
    """
    end = tail.subscription_ends_at
    if tail.paused_at is None:
        yield from _periods_by_version(tail, tail.ends_at, until, end)
        return
    yield from _periods_by_version(
        tail, tail.ends_at, min(until, tail.paused_at), min(end or tail.paused_at, tail.paused_at)
    )
    if tail.resumes_at is not None and (end is None or tail.resumes_at < end):
        yield from _periods_by_version(tail, tail.resumes_at, until, end)


def _periods_by_version(
    tail: SubscriptionTail, start: datetime, until: datetime, end: datetime | None
) -> Iterator[NextPeriod]:
    """Yield the periods from `start` on that begin before `until`."""
    # Without a scheduled change, the present version bills all of them.
    changes_at = tail.changes_at or until
    if start < changes_at:
        for interval in _intervals(tail, tail.version_id, tail.anchor_at, start, min(until, changes_at), end):
            yield NextPeriod(tail.version_id, interval, tail.anchor_at)
            # A period that began before the change may end after it; then the new version begins at that end.
            start = interval.end
    if tail.next_version_id is not None and changes_at <= start < until:
        # Once the last period is on the new version, the restart has been made.
        restarts_now = tail.restarts_period and tail.last_version_id != tail.next_version_id
        anchor_at = start if restarts_now else tail.anchor_at
        for interval in _intervals(tail, tail.next_version_id, anchor_at, start, until, end):
            yield NextPeriod(tail.next_version_id, interval, anchor_at)


def _intervals(
    tail: SubscriptionTail,
    version_id: int,
    anchor_at: datetime,
    start: datetime,
    until: datetime,
    end: datetime | None,
) -> Sequence[TimeInterval]:
    anchor = period_anchor(load_terms(version_id, tail.currency), anchor_at=anchor_at, time_zone=tail.time_zone)
    return period_intervals(anchor, start=start, until=until, end=end)
