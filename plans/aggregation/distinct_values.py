"""Distinct values that come and go: seats, active users, devices."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple


class Step(NamedTuple):
    """
    One event's word on one value; steps compare by their place: time, then source, then the sender's id.

    joins: whether the value is there from now on, or gone.
    """

    at: datetime
    source: str
    key: str
    joins: bool


def is_member(last: Step | None, *, before: bool = False) -> bool:
    """
    Tell whether a value is there after its last step of a period.

    before: whether it was there when the period began, which counts where no step follows.
    """
    return before if last is None else last.joins


def change(last: Step | None, steps: Iterable[Step], *, before: bool = False) -> tuple[Step | None, int]:
    """
    Return a value's last step once more steps of its period are known, and by how many members that changes the end.

    last: the one known so far. The later period in which the value takes its next step entered with what is changed
    here, so its own count changes the other way around.

    Source: docs/metering.md#unique.
    """
    was = is_member(last, before=before)
    for step in steps:
        last = step if last is None else max(last, step)
    return last, int(is_member(last, before=before)) - int(was)
