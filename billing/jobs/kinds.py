"""What a kind of bulk work has to say for itself."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from billing.models import Job, JobItem

MAX_TRIES = 5
"""Tries after which an item, or the cutting of a job, is given up: each came to an error, or to a dead worker."""


class SplitFailed(ValueError):
    """A job cannot be cut into items, now or later; the text says why and what to do."""


@dataclass(slots=True)
class ItemOutcome:
    """
    What came of an item.

    figures: what people count of it: name → whole number. findings: rows of the result file, by column.
    keeps_content: whether the item's content is needed for what people do next.
    left: why some of it is not done, although the rest stays done: the item failed, and may be tried again.
    is_passing: whether what is left may well be done in a moment, so that it is tried again by itself first.
    """

    figures: dict[str, int] = field(default_factory=dict)
    findings: list[dict[str, str | int]] = field(default_factory=list)
    keeps_content: bool = False
    unfinished: str = ""
    is_transient: bool = False


@dataclass(frozen=True, slots=True)
class JobDefinition:
    """
    How a kind of work is cut, and how one item of it is done.

    permission: what one needs to start such a job and to steer it.
    cut: yields the items of a job in order, not stored yet, numbered from 1; `after`: the last one that is stored.
        May be called again after any item, and must then go on with the same next one.
    do: does one item. It is called within the item's transaction, which also holds all that it does: when it raises,
        nothing of it stays. With `job.dry_run` it only says what it would do. An item of which something was left
        is done again as a whole, and must find out what of it is done.
    columns: of the result file, where an item's findings are rows.
    at_one_moment: whether all that an item reads must be as it was when it was begun, whatever is written meanwhile.
    end: what there is to do once all items are done, within the transaction that ends the job.
    """

    permission: str
    split: Callable[[Job, JobItem | None], Iterator[JobItem]]
    process: Callable[[JobItem, datetime], ItemOutcome]
    columns: tuple[str, ...] = ()
    reads_snapshot: bool = False
    complete: Callable[[Job, datetime], None] = lambda job, at: None


JobDefinitions = Mapping[str, JobDefinition]
