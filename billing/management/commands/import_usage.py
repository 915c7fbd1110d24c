"""`manage.py import_usage`: usage out of a file, under the same rules as the API's."""

import csv
import json
from argparse import ArgumentParser
from contextlib import ExitStack, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing.metering.imports import (
    FORMATS,
    FileRefused,
    ImportTotals,
    Refusal,
    build_row_mapping,
    detect_format,
    import_usage,
    read_rows,
)
from lib.csv_export import escape_formula
from lib.progress_bar import show_progress
from lib.task_clock import database_time

MOST_SHOWN = 20


class Command(BaseCommand):
    help = (
        "Import usage from CSV, JSON Lines or Parquet. Each event counts once by its id, so it may be stopped and run"
        " again. Columns: id, customer, event, timestamp, subscription, source, properties.… or properties."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--format", choices=FORMATS, help="told by the file's name where not given")
        parser.add_argument(
            "--map",
            action="append",
            default=[],
            metavar="FIELD=COLUMN",
            help="which column a field is, such as customer=account or properties.tokens=n; -=COLUMN leaves one out",
        )
        parser.add_argument(
            "--id-from",
            metavar="COLUMNS",
            default="",
            help="columns that tell a row by its contents, with commas",
        )
        parser.add_argument("--sandbox", action="store_true", help="events of sandbox customers")
        parser.add_argument("--dry-run", action="store_true", help="say what would come of it, and store nothing")
        parser.add_argument("--refused", type=Path, help="where to write the rows that are not taken in, as CSV")
        parser.add_argument("--json", dest="as_json", action="store_true", help="print one JSON document")

    def handle(self, *, file: Path, as_json: bool, refused: Path | None, **options: Any) -> None:
        """Exit 0 if every row was taken in, 1 if some were refused or the file cannot be read."""
        names = dict(self._mapped(text) for text in options["map"])
        id_from = [name.strip() for name in options["id_from"].split(",") if name.strip()]
        shown: list[Refusal] = []
        with ExitStack() as opened:
            write = self._refusals(refused, opened)

            def refuse(refusal: Refusal) -> None:
                write(refusal)
                if len(shown) < MOST_SHOWN:
                    shown.append(refusal)

            try:
                content = opened.enter_context(file.open("rb"))
                columns, rows = read_rows(content, options["format"] or detect_format(file.name))
                shape = build_row_mapping(columns, names=names, id_from=id_from)
                size = file.stat().st_size
                show = opened.enter_context(self._progress(size, as_json=as_json))
                done = import_usage(
                    rows=rows,
                    mapping=shape,
                    sandbox=options["sandbox"],
                    at=database_time(),
                    dry_run=options["dry_run"],
                    refuse=refuse,
                    progress=lambda done: show(
                        size if content.closed else content.tell()
                    ),  # the reader closes it at its end
                )
            except (OSError, FileRefused) as error:
                raise CommandError(str(error)) from error
        self._report(done, shown, dry_run=options["dry_run"], as_json=as_json)

    def _mapped(self, text: str) -> tuple[str, str]:
        field, equals, column = text.partition("=")
        if not equals or not field or not column:
            raise CommandError(f"--map {text}: write FIELD=COLUMN, such as customer=account.")
        return column, field

    def _refusals(self, path: Path | None, opened: ExitStack) -> Any:
        if path is None:
            return lambda refusal: None
        writer = csv.writer(opened.enter_context(path.open("w", newline="", encoding="utf-8")))
        writer.writerow(Refusal._fields)
        return lambda refusal: writer.writerow([escape_formula(str(one)) for one in refusal])

    def _progress(self, size: int, *, as_json: bool) -> Any:
        if as_json:
            return nullcontext(lambda done: None)
        return show_progress("importing", size, out=self.stdout)

    def _report(self, done: ImportTotals, shown: list[Refusal], *, dry_run: bool, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(asdict(done)))
        else:
            would = "would be " if dry_run else ""
            self.stdout.write(
                f"{done.rows:,} rows: {done.accepted:,} {would}stored, {done.duplicate:,} were there before,"
                f" {done.conflict:,} are there with other content, {done.refused:,} are no events."
            )
            for reason, count in done.unmatched.items():
                self.stdout.write(f"  {count:,} of them would be unmatched: {reason}")
            if done.floats:
                self.stdout.write(f"  {done.floats:,} cells are doubles, read by their shortest decimal.")
        for one in shown:
            self.stderr.write(f"  row {one.row}: {one.field} {one.detail}")
        if done.refused + done.conflict:
            raise CommandError(f"{done.refused + done.conflict:,} rows were not taken in.")
