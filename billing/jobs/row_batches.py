"""Jobs that do the same to many rows: one item per row, so that a refusal of one stops no other."""

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from typing import Any, Generic, TypeVar

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Model

from billing.jobs import start
from billing.jobs.definitions import ItemOutcome, JobDefinition
from billing.models import Job, JobItem

MAX_ROWS = 10_000
"""Maximum rows of one job, whose ids are its parameters; a list pages through as many."""

REFUSED = "refused"

Row = TypeVar("Row", bound=Model)


class RowBatch(Generic[Row]):
    """
    A kind of job on the rows of one model.

    parameter: the name of the ids in a job's parameters, without its plural s; also of a refused row in the findings.
    find: returns a row by its id. name: returns its name for people.
    process: does it to one row, and returns the figure that counts it. A row is done exactly once: its item is stored
        as done in the same transaction.
    refusals: exceptions of `process` that say why nothing was done to a row.
    """

    def __init__(
        self,
        *,
        parameter: str,
        find: Callable[[int], Row],
        name: Callable[[Row], str],
        process: Callable[[Row, Job, datetime], str],
        refusals: tuple[type[Exception], ...],
    ) -> None:
        self.parameter, self.find, self.name = parameter, find, name
        self.process_row, self.refusals = process, refusals

    def definition(self, *, permission: str) -> JobDefinition:
        """Return the definition of the kind. permission: needed to start and to control such a job."""
        return JobDefinition(
            permission=permission, split=self._split, process=self._process, columns=(self.parameter, "reason")
        )

    def start(
        self, *, kind: str, ids: Collection[int], choices: Mapping[str, Any], title: str, by: User, at: datetime
    ) -> Job:
        """Store a job for at most `MAX_ROWS` rows. choices: further parameters."""
        parameters = {f"{self.parameter}s": sorted(ids)[:MAX_ROWS], **choices}
        return start.start(kind=kind, title=title, parameters=parameters, dry_run=False, by=by, at=at)

    def _split(self, job: Job, after: JobItem | None) -> Iterator[JobItem]:
        done = after.number if after else 0
        for number, row_id in enumerate(job.parameters[f"{self.parameter}s"][done:], start=done + 1):
            yield JobItem(job=job, number=number, parameters={self.parameter: row_id})

    def _process(self, item: JobItem, at: datetime) -> ItemOutcome:
        row = self.find(item.parameters[self.parameter])
        try:
            # A savepoint: a refused row leaves nothing behind.
            with transaction.atomic():
                figure = self.process_row(row, item.job, at)
        except self.refusals as refusal:
            return ItemOutcome({REFUSED: 1}, [{self.parameter: self.name(row), "reason": str(refusal)}])
        return ItemOutcome({figure: 1})
