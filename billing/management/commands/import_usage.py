"""`manage.py import_usage`: import usage from a file, under the same rules as the API."""

import csv
import json
from argparse import ArgumentParser
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing.metering.imports import (
    FORMATS,
    ImportFileRefused,
    ImportTotals,
    Refusal,
    build_row_mapping,
    detect_format,
    import_usage,
    read_rows,
)
from lib.progress_bar import show_progress
from lib.spreadsheet_cells import escape_formula
from lib.task_clock import database_time

MAX_SHOWN = 20


class Command(BaseCommand):
    help = (
        "Import usage from CSV, JSON Lines or Parquet. Each event ID counts once, so the import may be stopped"
        " and run again. Columns: id, customer, event, timestamp, subscription, source, properties.… or"
        " properties."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--format", choices=FORMATS, help="default: by the file's ending")
        parser.add_argument(
            "--map",
            action="append",
            default=[],
            metavar="FIELD=COLUMN",
            help="the column of a field, such as customer=account or properties.tokens=n; -=COLUMN ignores a column",
        )
        parser.add_argument(
            "--id-from",
            metavar="COLUMNS",
            default="",
            help="columns whose values identify a row, separated by commas",
        )
        parser.add_argument("--sandbox", action="store_true", help="import events of sandbox customers")
        parser.add_argument("--dry-run", action="store_true", help="report the result without storing anything")
        parser.add_argument("--refused", type=Path, help="write rejected rows to this CSV file")
        parser.add_argument("--json", dest="as_json", action="store_true", help="print one JSON document")

    def handle(self, *, file: Path, as_json: bool, refused: Path | None, **options: Any) -> None:
        """Exit 0 if every row was accepted, 1 if some were refused or the file can't be read."""
        names = dict(self._parse_mapping(text) for text in options["map"])
        id_from = [name.strip() for name in options["id_from"].split(",") if name.strip()]
        shown_refusals: list[Refusal] = []
        with ExitStack() as stack:
            write = self._open_refusal_writer(refused, stack)

            def refuse(refusal: Refusal) -> None:
                write(refusal)
                if len(shown_refusals) < MAX_SHOWN:
                    shown_refusals.append(refusal)

            try:
                content = stack.enter_context(file.open("rb"))
                columns, rows = read_rows(content, options["format"] or detect_format(file.name))
                mapping = build_row_mapping(columns, names=names, id_from=id_from)
                size = file.stat().st_size
                show = stack.enter_context(self._open_progress(size, as_json=as_json))
                totals = import_usage(
                    rows=rows,
                    mapping=mapping,
                    sandbox=options["sandbox"],
                    at=database_time(),
                    dry_run=options["dry_run"],
                    refuse=refuse,
                    progress=lambda done: show(
                        size if content.closed else content.tell()
                    ),  # the reader closes the file at its end
                )
            except (OSError, ImportFileRefused) as error:
                raise CommandError(str(error)) from error
        self._report(totals, shown_refusals, dry_run=options["dry_run"], as_json=as_json)

    def _parse_mapping(self, text: str) -> tuple[str, str]:
        field, equals, column = text.partition("=")
        if not equals or not field or not column:
            raise CommandError(f"--map {text}: write FIELD=COLUMN, such as customer=account.")
        return column, field

    def _open_refusal_writer(self, path: Path | None, stack: ExitStack) -> Callable[[Refusal], object]:
        if path is None:
            return lambda refusal: None
        writer = csv.writer(stack.enter_context(path.open("w", newline="", encoding="utf-8")))
        writer.writerow(Refusal._fields)
        return lambda refusal: writer.writerow([escape_formula(str(value)) for value in refusal])

    def _open_progress(self, size: int, *, as_json: bool) -> AbstractContextManager[Callable[[int], None]]:
        if as_json:
            return nullcontext(lambda done: None)
        return show_progress("importing", size, out=self.stdout)

    def _report(self, totals: ImportTotals, shown: list[Refusal], *, dry_run: bool, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(asdict(totals)))
        else:
            would = "would be " if dry_run else ""
            self.stdout.write(
                f"{totals.rows:,} rows: {totals.accepted:,} {would}stored, {totals.duplicate:,} already stored,"
                f" {totals.conflict:,} stored before with different content, {totals.refused:,} invalid."
            )
            for reason, count in totals.unmatched.items():
                self.stdout.write(f"  {count:,} of them would be unmatched: {reason}")
            if totals.floats:
                self.stdout.write(
                    f"  {totals.floats:,} cells are floating-point numbers, read as their shortest decimal."
                )
        for refusal in shown:
            self.stderr.write(f"  row {refusal.row}: {refusal.field} {refusal.detail}")
        if totals.refused + totals.conflict:
            raise CommandError(f"{totals.refused + totals.conflict:,} rows were rejected.")
