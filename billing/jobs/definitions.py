"""How a kind of background work plugs into the jobs: its definition and the outcome of an item."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from billing.models import Job, JobItem

MAX_TRIES = 5
"""Tries after which an item, or the split of a job, fails: each one ended in an error or with its worker killed."""


class SplitFailed(ValueError):
    """The job can't be split into items; the text gives the reason and the remedy."""


@dataclass(slots=True)
class ItemOutcome:
    """
    The outcome of one item.

    figures: counts to show to operators: name → whole number. findings: rows of the result file, by column.
    keeps_content: whether the item's content is kept for operators to act on.
    unfinished: why part of the item is not done, although the rest stays done; the item fails and can be retried.
    is_transient: whether a retry is likely to finish the rest, so that the worker retries by itself first.
    """

    figures: dict[str, int] = field(default_factory=dict)
    findings: list[dict[str, str | int]] = field(default_factory=list)
    keeps_content: bool = False
    unfinished: str = ""
    is_transient: bool = False


@dataclass(frozen=True, slots=True)
class JobDefinition:
    """
    How a kind of work is split into items, and how one item is processed.

    permission: needed to start and to control such a job.
    split: yields the job's items in order, unsaved, numbered from 1, continuing after the given last stored item. It
        may be called again after any item, and must continue with the same next one.
    process: processes one item in a transaction that also holds its effects, so an error undoes all of them. With
        `job.dry_run` it only reports. An unfinished item is processed again as a whole and must find out itself which
        part is done.
    columns: columns of the result file, whose rows are the items' findings.
    reads_snapshot: whether the item reads one snapshot of the database (repeatable read).
    last_item_waits: whether the last item is processed only when no other one waits; it sees which of them failed.
    complete: called once all items are done, in the transaction that completes the job.
    """

    permission: str
    split: Callable[[Job, JobItem | None], Iterator[JobItem]]
    process: Callable[[JobItem, datetime], ItemOutcome]
    columns: tuple[str, ...] = ()
    reads_snapshot: bool = False
    last_item_waits: bool = False
    complete: Callable[[Job, datetime], None] = lambda job, at: None


JobDefinitions = Mapping[str, JobDefinition]
