"""Deadlines that end after a number of looks rather than of seconds."""

from collections.abc import Callable

from lib.queue import Deadline


class ScriptedDeadline(Deadline):
    """A deadline that is over once `has_time` returns False."""

    def __init__(self, has_time: Callable[[], bool]) -> None:
        super().__init__(0)
        self.has_time = has_time
