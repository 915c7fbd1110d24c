"""Distinct values that join and leave: seats, active users, devices."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple


class MembershipChange(NamedTuple):
    """
    One event that adds or removes a value. Changes are ordered by time, then source, then the sender's id.

    joins: True if the value is a member from here on, False if it is removed.
    """

    at: datetime
    source: str
    key: str
    joins: bool


def is_member(last: MembershipChange | None, *, was_member: bool = False) -> bool:
    """
    Return whether a value is a member after its last change in a period.

    was_member: whether it was one at the period's start, which decides if the period has no change.
    """
    return was_member if last is None else last.joins


def apply_changes(
    last: MembershipChange | None, changes: Iterable[MembershipChange], *, was_member: bool = False
) -> tuple[MembershipChange | None, int]:
    """
    Return a value's last change after further changes of its period, and the resulting difference in members at the
    period's end.

    last: the last change known before. The later period with the value's next change started with the membership that
        is corrected here, so its own count changes by the opposite amount.

    Source: docs/metering.md#unique.
    """
    was_member_before = is_member(last, was_member=was_member)
    for change in changes:
        last = change if last is None else max(last, change)
    return last, int(is_member(last, was_member=was_member)) - int(was_member_before)
