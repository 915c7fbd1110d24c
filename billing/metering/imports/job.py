"""A usage import as bulk work: the file is cut into pieces, and each piece is imported like a file."""

import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import BinaryIO

from django.contrib.auth.models import AbstractBaseUser

from billing.jobs import start
from billing.jobs.file_reader import open_job_file
from billing.jobs.kinds import ItemOutcome, JobDefinition, SplitFailed
from billing.metering.imports.file_split import BEGINNING, Place, pieces_of
from billing.metering.imports.row_conversion import shape_of
from billing.metering.imports.row_reader import FileRefused, Row, columns_of, rows_of
from billing.metering.imports.usage_import import Refusal, import_usage
from billing.models import Job, JobItem
from billing.models.jobs import JobKind

UNMATCHED = "unmatched."
"""What the figures of events that no price takes begin with; their reason follows."""


def start_import(
    *,
    file: BinaryIO,
    file_name: str,
    format_: str,
    names: Mapping[str, str],
    id_from: Sequence[str],
    sandbox: bool,
    by: AbstractBaseUser | None,
    at: datetime,
) -> Job:
    """
    Store a file as a job that tries to import it, and stores none of its events until it is done for real.

    names, id_from: as in `shape_of`.

    :raises FileRefused: if it cannot be read, or its columns are not those of events.
    """
    shape_of(columns_of(file, format_), names=names, id_from=id_from)
    parameters = {"format": format_, "names": dict(names), "id_from": list(id_from), "sandbox": sandbox}
    try:
        return start.start(
            kind=JobKind.USAGE_IMPORT,
            title=f"Usage from {file_name}",
            parameters=parameters,
            dry_run=True,
            by=by,
            at=at,
            file=file,
            file_name=file_name,
        )
    except start.JobFileRefused as refusal:
        raise FileRefused(str(refusal)) from refusal


def _cut(job: Job, after: JobItem | None) -> Iterator[JobItem]:
    begin = Place(*after.parameters["end"]) if after else BEGINNING
    pieces = pieces_of(open_job_file(job), job.parameters["format"], begin=begin)
    try:
        for number, piece in enumerate(pieces, start=after.number + 1 if after else 1):
            parameters = {"begin": piece.begin, "end": piece.end}
            yield JobItem(job=job, number=number, parameters=parameters, content=piece.content)
    except FileRefused as refusal:
        raise SplitFailed(str(refusal)) from refusal


def _do(item: JobItem, at: datetime) -> ItemOutcome:
    job, refusals = item.job, list[Refusal]()
    columns, rows = rows_in(item)
    wanted = {name: job.parameters[name] for name in ("names", "id_from")}
    done = import_usage(
        rows=rows,
        shape=shape_of(columns, **wanted),
        sandbox=job.parameters["sandbox"],
        at=at,
        dry_run=job.dry_run,
        refuse=refusals.append,
    )
    counted = ("rows", "accepted", "duplicate", "conflict", "refused", "floats")
    figures = {name: getattr(done, name) for name in counted}
    figures |= {f"{UNMATCHED}{reason}": count for reason, count in done.unmatched.items()}
    return ItemOutcome(figures, [one._asdict() for one in refusals], keeps_content=job.dry_run or bool(refusals))


def rows_in(item: JobItem) -> tuple[list[str] | None, Iterator[Row]]:
    """Return the columns and the rows of an item, with the numbers that the whole file gives them."""
    columns, rows = rows_of(io.BytesIO(item.content or b""), item.job.parameters["format"])
    before = item.parameters["begin"][0]
    return columns, (row._replace(number=row.number + before) for row in rows)


USAGE_IMPORT = JobDefinition(permission="billing.import_event", split=_cut, process=_do, columns=Refusal._fields)
