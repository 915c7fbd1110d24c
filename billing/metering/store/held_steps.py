"""
All changes of distinct values that are held over time, and the moments that they add up to.

The caller has locked the members of the meter: a late change moves the intervals of its own period, and decides
whether the value is held at the start of the next period that has changes of it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from lib import prepared_statements
from plans.aggregation.distinct_values import MembershipChange, is_member
from plans.aggregation.held_values import HeldBy, held_moment

SeriesValue = tuple[int, UUID]
"""A series, and the digest of a value."""

StoredMember = tuple[tuple[SeriesValue, MembershipChange | None], bool, int | None]
"""A value with its last step in a series, whether it was a member before, and the next series that holds it."""


class MembersDifference(NamedTuple):
    """By how much the members of a series and their moment change."""

    members: int = 0
    moment: int = 0


def add_difference(
    differences: dict[int, MembersDifference], series_id: int, *, members: int = 0, moment: int = 0
) -> None:
    """Add a difference to that of a series."""
    so_far = differences.get(series_id, MembersDifference())
    differences[series_id] = MembersDifference(so_far.members + members, so_far.moment + moment)


_READ = """
SELECT u.series, u.digest, t.at, t.source, t.key, t.joins
FROM unnest(%s::bigint[], %s::uuid[]) AS u(series, digest)
JOIN billing_membershipstep t ON (t.series_id, t.digest) = (u.series, u.digest)
"""
_INSERT = """
INSERT INTO billing_membershipstep (series_id, digest, at, source, key, joins)
SELECT * FROM unnest(%s::bigint[], %s::uuid[], %s::timestamptz[], %s::text[], %s::text[], %s::boolean[])
"""
_DELETE = """
DELETE FROM billing_membershipstep t
USING unnest(%s::bigint[], %s::uuid[], %s::timestamptz[], %s::text[], %s::text[])
    AS n(series, digest, at, source, key)
WHERE (t.series_id, t.digest, t.at, t.source, t.key) = (n.series, n.digest, n.at, n.source, n.key)
"""
_ZONES = """
SELECT r.id, c.time_zone FROM billing_series r JOIN billing_period p ON p.id = r.period_id
JOIN billing_subscription s ON s.id = p.subscription_id JOIN customers_customer c ON c.id = s.customer_id
WHERE r.id = ANY(%s)
"""


def add_steps(
    added: Mapping[SeriesValue, Sequence[MembershipChange]],
    members: Sequence[StoredMember],
    differences: dict[int, MembersDifference],
    held_by: HeldBy,
) -> None:
    """Store further steps of values, and add the change of the moments to the differences."""
    stored = _read_steps(members)
    remaining = {value: [*stored.get(value, ()), *steps] for value, steps in added.items()}
    _add_moments(stored, remaining, members, differences, held_by)
    _execute(_INSERT, [(*value, *step) for value, steps in added.items() for step in steps])


def remove_steps(
    removed: Mapping[SeriesValue, Iterable[MembershipChange]],
    members: Sequence[StoredMember],
    differences: dict[int, MembersDifference],
    held_by: HeldBy,
) -> None:
    """Delete steps of values, and add the change of the moments to the differences."""
    stored = _read_steps(members)
    remaining = {value: sorted(set(stored.get(value, ())) - set(steps)) for value, steps in removed.items()}
    _add_moments(stored, remaining, members, differences, held_by)
    _execute(_DELETE, [(*value, *step[:3]) for value, steps in removed.items() for step in steps])


def _read_steps(members: Sequence[StoredMember]) -> dict[SeriesValue, list[MembershipChange]]:
    """Return the stored steps of these values, in their own series and in the next one that holds them."""
    values = {value for (value, _), _, _ in members}
    values |= {(later_id, value[1]) for (value, _), _, later_id in members if later_id is not None}
    steps: dict[SeriesValue, list[MembershipChange]] = {}
    with prepared_statements.cursor() as cursor:
        cursor.execute(_READ, [list(column) for column in zip(*values, strict=True)], binary=True)
        for series_id, digest, *step in cursor.fetchall():
            steps.setdefault((series_id, digest), []).append(MembershipChange(*step))
    return steps


def _add_moments(
    before: Mapping[SeriesValue, Sequence[MembershipChange]],
    after: Mapping[SeriesValue, Sequence[MembershipChange]],
    members: Sequence[StoredMember],
    differences: dict[int, MembersDifference],
    held_by: HeldBy,
) -> None:
    with prepared_statements.cursor() as cursor:
        cursor.execute(_ZONES, [[value[0] for (value, _), _, _ in members]])
        zones = {series_id: ZoneInfo(name) for series_id, name in cursor.fetchall()}
    for (value, _), was_member, later_id in members:
        zone, old, new = zones[value[0]], before.get(value, ()), after[value]
        change = held_moment(new, held_by, zone, was_member=was_member)
        change -= held_moment(old, held_by, zone, was_member=was_member)
        add_difference(differences, value[0], moment=change)
        was_held, is_held = (is_member(max(steps, default=None), was_member=was_member) for steps in (old, new))
        if was_held != is_held and later_id is not None:
            later = before.get((later_id, value[1]), ())
            change = held_moment(later, held_by, zone, was_member=is_held)
            change -= held_moment(later, held_by, zone, was_member=was_held)
            add_difference(differences, later_id, moment=change)


def _execute(statement: str, rows: Sequence[tuple[object, ...]]) -> None:
    if rows:
        with prepared_statements.cursor() as cursor:
            cursor.execute(statement, [list(column) for column in zip(*rows, strict=True)])
