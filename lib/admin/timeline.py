"""What happened to a row and what is to come, in one list: the entries, and how many of them a page shows."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from django.db.models import Model

from lib.admin.links import page_url

MOST = 25
"""Entries shown of the past, and rows to read of each source; each source's own list has all of them."""

MOST_TO_COME = 8


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """
    One event.

    icon: a name of Material Symbols. row: the object whose page it links to, if it is another one than the page's.
    note: details in a second line. is_bad: whether somebody has to act. shows_time: whether its time of day matters.
    """

    at: datetime
    icon: str
    text: str
    row: Model | None = None
    note: str = ""
    is_bad: bool = False
    shows_time: bool = False

    @property
    def link(self) -> str:
        return page_url(self.row) if self.row is not None else ""


@dataclass(frozen=True, slots=True)
class Timeline:
    """to_come: the next event first. past: the newest event first."""

    to_come: list[TimelineEntry]
    past: list[TimelineEntry]


def make_timeline(
    *, past: Iterable[TimelineEntry], to_come: Iterable[TimelineEntry], at: datetime, most: int = MOST
) -> Timeline:
    """Return the timeline of these entries as of a time: no past ones after it, and none to come before it."""
    coming = sorted((entry for entry in to_come if entry.at > at), key=lambda entry: entry.at)
    done = sorted((entry for entry in past if entry.at <= at), key=lambda entry: entry.at, reverse=True)
    return Timeline(list(islice(coming, MOST_TO_COME)), list(islice(done, most)))
