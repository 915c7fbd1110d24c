"""The levels that a quantity over time is made of, as (level, from, to): the workings of its invoice line."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from lib.decimals import EXACT

MAX_SPANS = 100
"""Levels listed for a line; the events of a line can be downloaded in full."""


class LevelSpan(NamedTuple):
    """A level from one time to another, in [start, end)."""

    level: Decimal
    start: datetime
    end: datetime


def level_spans(
    opening: Decimal, changes: Iterable[tuple[datetime, Decimal]], *, start: datetime, end: datetime
) -> list[LevelSpan]:
    """
    Return the levels of a period [start, end) in order, each with the time for which it lasts.

    opening: level at the start. changes: (time, difference) in any order.
    """
    spans: list[LevelSpan] = []
    level, since = opening, start
    for at, difference in sorted(changes):
        if at > since and difference:
            spans.append(LevelSpan(level, since, at))
            since = at
        level = EXACT.add(level, difference)
        if spans and spans[-1].level == level and spans[-1].end == since:
            since = spans.pop().start  # several changes at one time may cancel each other out
    if end > since:
        spans.append(LevelSpan(level, since, end))
    return spans
