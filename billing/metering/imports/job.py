"""A usage import as a background job: the file is split into parts, and each part is imported like a file."""

import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import BinaryIO

from django.contrib.auth.models import User

from billing.jobs import start
from billing.jobs.definitions import ItemOutcome, JobDefinition, SplitFailed
from billing.jobs.file_reader import open_job_file
from billing.metering.imports.file_split import BEGINNING, FilePosition, split_file
from billing.metering.imports.row_conversion import build_row_mapping
from billing.metering.imports.row_reader import ImportFileRefused, ImportRow, read_columns, read_rows
from billing.metering.imports.usage_import import Refusal, import_usage
from billing.models import Job, JobItem
from billing.models.jobs import JobKind

UNMATCHED = "unmatched."
"""Prefix of the figures of unmatched events; their reason follows."""


def start_import(
    *,
    file: BinaryIO,
    file_name: str,
    format_: str,
    names: Mapping[str, str],
    id_from: Sequence[str],
    sandbox: bool,
    by: User | None,
    at: datetime,
) -> Job:
    """
    Store a file as a job that runs dry first: it stores no events until an operator runs it for real.

    names, id_from: as in `build_row_mapping`.

    :raises ImportFileRefused: if the file can't be read, or its columns aren't those of events.
    """
    build_row_mapping(read_columns(file, format_), names=names, id_from=id_from)
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
        raise ImportFileRefused(str(refusal)) from refusal


def _split(job: Job, after: JobItem | None) -> Iterator[JobItem]:
    begin = FilePosition(*after.parameters["end"]) if after else BEGINNING
    parts = split_file(open_job_file(job), job.parameters["format"], begin=begin)
    try:
        for number, part in enumerate(parts, start=after.number + 1 if after else 1):
            parameters = {"begin": part.begin, "end": part.end}
            yield JobItem(job=job, number=number, parameters=parameters, content=part.content)
    except ImportFileRefused as refusal:
        raise SplitFailed(str(refusal)) from refusal


def _process(item: JobItem, at: datetime) -> ItemOutcome:
    job, refusals = item.job, list[Refusal]()
    columns, rows = read_item_rows(item)
    mapping_options = {name: job.parameters[name] for name in ("names", "id_from")}
    totals = import_usage(
        rows=rows,
        mapping=build_row_mapping(columns, **mapping_options),
        sandbox=job.parameters["sandbox"],
        at=at,
        dry_run=job.dry_run,
        refuse=refusals.append,
    )
    counted_fields = ("rows", "accepted", "duplicate", "conflict", "refused", "floats")
    figures = {name: getattr(totals, name) for name in counted_fields}
    figures |= {f"{UNMATCHED}{reason}": count for reason, count in totals.unmatched.items()}
    # Kept for the real run, and for the file of refused rows.
    return ItemOutcome(
        figures, [refusal._asdict() for refusal in refusals], keeps_content=job.dry_run or bool(refusals)
    )


def read_item_rows(item: JobItem) -> tuple[list[str] | None, Iterator[ImportRow]]:
    """Return the columns and the rows of an item, numbered as in the whole file."""
    columns, rows = read_rows(io.BytesIO(item.content or b""), item.job.parameters["format"])
    rows_before = item.parameters["begin"][0]
    return columns, (row._replace(number=row.number + rows_before) for row in rows)


USAGE_IMPORT = JobDefinition(
    permission="billing.import_event", split=_split, process=_process, columns=Refusal._fields
)
