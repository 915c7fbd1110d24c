"""Distinct values that come and go: seats, active users, devices."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple


class MembershipChange(NamedTuple):
    """
    One event's word on one value; steps compare by their place: time, then source, then the sender's id.

    joins: whether the value is there from now on, or gone.
    """

    at: datetime
    source: str
    key: str
    joins: bool


def is_member(last: MembershipChange | None, *, was_member: bool = False) -> bool:
    """
    Tell whether a value is there after its last step of a period.

    before: whether it was there when the period began, which counts where no step follows.
    """
    return was_member if last is None else last.joins


def apply_changes(
    last: MembershipChange | None, changes: Iterable[MembershipChange], *, was_member: bool = False
) -> tuple[MembershipChange | None, int]:
    """
    Return a value's last step once more steps of its period are known, and by how many members that changes the end.

    last: the one known so far. The later period in which the value takes its next step entered with what is changed
    here, so its own count changes the other way around.

    Source: docs/metering.md#unique.
    """
    was_member_before = is_member(last, was_member=was_member)
    for change in changes:
        last = change if last is None else max(last, change)
    return last, int(is_member(last, was_member=was_member)) - int(was_member_before)
