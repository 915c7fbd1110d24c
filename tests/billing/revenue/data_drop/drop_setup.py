"""Targets, drops that run to their end, and the tables as a reader of the files sees them."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from billing.job_kinds import KINDS
from billing.jobs.worker import work
from billing.models import DropTarget, Job, JobItem
from billing.revenue.data_drop.job import start_drop

NIGHT = datetime(2026, 4, 10, 2, tzinfo=UTC)
DAY = timedelta(days=1)

TYPES = {
    "int64": pa.int64(),
    "string": pa.string(),
    "bool": pa.bool_(),
    "date32[day]": pa.date32(),
    "timestamp[us, tz=UTC]": pa.timestamp("us", tz="UTC"),
}


def folder_target(name: str = "warehouse", **fields: Any) -> DropTarget:
    return DropTarget.objects.create(**{"name": name, "kind": "folder", "path": name, **fields})


def start(target: DropTarget, *, at: datetime = NIGHT, **options: Any) -> Job:
    return start_drop(target, by=None, at=at, **options)


def finish(job: Job, *, at: datetime = NIGHT, rounds: int = 12) -> Job:
    """Work on a job until it ends; the waits between tries are skipped."""
    for _ in range(rounds):
        work(kinds=KINDS, clock=lambda: at, job_id=job.pk)
        job.refresh_from_db()
        if job.has_ended:
            return job
        JobItem.objects.filter(job=job, state="waiting").update(begun_at=None)
    raise AssertionError(list(job.items.exclude(state="done").values_list("parameters", "state", "error")))


def drop(target: DropTarget, *, at: datetime = NIGHT, **options: Any) -> Job:
    """Drop, and return the job, which must be done."""
    job = finish(start(target, at=at, **options), at=at)
    assert job.state == "done", list(job.items.exclude(error="").values_list("parameters", "error"))
    return job


@dataclass
class Reader:
    """
    A program that reads a drop, by the manifest alone.

    fetch: returns the bytes of a file. fetched: the paths of the files that it had to load so far.
    """

    fetch: Callable[[str], bytes]
    cache: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    def of_folder(cls, folder: Path) -> "Reader":
        return cls(lambda path: (folder / path).read_bytes())

    @property
    def manifest(self) -> dict[str, Any]:
        return json.loads(self.fetch("manifest.json"))

    def files(self, table: str = "") -> list[dict[str, Any]]:
        tables = self.manifest["tables"]
        return [file for name in ([table] if table else tables) for file in tables[name]["files"]]

    def paths(self, table: str = "") -> set[str]:
        return {file["path"] for file in self.files(table)}

    def read(self, table: str) -> pa.Table:
        """Return a table, and check its files against the manifest."""
        manifest = self.manifest
        described = manifest["tables"][table]
        parts = [self._read_file(file, manifest["format"], described["columns"]) for file in described["files"]]
        if not parts:
            return pa.table({column["name"]: [] for column in described["columns"]})
        whole = pa.concat_tables(parts)
        assert len(whole) == described["rows"]
        assert [str(kind) for kind in whole.schema.types] == [column["type"] for column in described["columns"]]
        return whole

    def rows(self, table: str) -> list[dict[str, Any]]:
        return self.read(table).to_pylist()

    def _read_file(self, file: dict[str, Any], file_format: str, columns: list[dict[str, str]]) -> pa.Table:
        content = self.cache.setdefault(file["path"], self.fetch(file["path"]))
        assert (len(content), sha256(content).hexdigest()) == (file["bytes"], file["sha256"])
        if file_format == "parquet":
            table = pyarrow.parquet.read_table(BytesIO(content))
        else:
            table = pyarrow.csv.read_csv(
                BytesIO(content),
                parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
                convert_options=pyarrow.csv.ConvertOptions(
                    column_types={column["name"]: _type(column["type"]) for column in columns},
                    null_values=[""],
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=False,
                ),
            )
        assert len(table) == file["rows"]
        return table


def _type(name: str) -> pa.DataType:
    if name.startswith("decimal128"):
        digits, places = name.removeprefix("decimal128(").rstrip(")").split(",")
        return pa.decimal128(int(digits), int(places))
    return TYPES[name]
