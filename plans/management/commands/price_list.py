"""`manage.py price_list`: export a version's price list to a file, and import a file into a draft."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from lib.tabular_files import FileRefused
from lib.task_clock import database_time
from plans.models import PlanVersion
from plans.price_lists.files import CONTENT_TYPES, read, write
from plans.price_lists.list_import import import_price_list
from plans.price_lists.version_items import ListRefused


class Command(BaseCommand):
    help = (
        "Export the price list of a plan version to a file, or import a file into a draft, completely or not at all."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        ways = parser.add_subparsers(dest="way", required=True)
        out = ways.add_parser("export", help="export a price list to a file or to standard output")
        into = ways.add_parser("import", help="replace a draft's price list by a file's")
        for subparser in (out, into):
            subparser.add_argument("plan", help="code of the plan")
            subparser.add_argument("version", type=int, help="number of the version")
        out.add_argument(
            "--format", choices=list(CONTENT_TYPES), help="format of the file; default: by its ending, or CSV"
        )
        out.add_argument("--out", type=Path, help="path of the file; default: standard output")
        into.add_argument("file", type=Path, help="a .csv, .xlsx or .json file")
        into.add_argument("--dry-run", action="store_true", help="only print the changes")

    def handle(self, *, way: str, plan: str, version: int, **options: Any) -> None:
        plan_version = PlanVersion.objects.select_related("plan").filter(plan__code=plan, number=version).first()
        if plan_version is None:
            raise CommandError(f"The plan “{plan}” has no version {version}.")
        try:
            if way == "export":
                self._export(plan_version, options["out"], options["format"])
            else:
                self._import(plan_version, options["file"], dry_run=options["dry_run"])
        except (FileRefused, OSError) as error:
            raise CommandError(str(error)) from error
        except ListRefused as refusal:
            for problem in refusal.problems:
                place = " ".join(filter(None, [f"row {problem.row}" if problem.row else "", problem.column]))
                self.stderr.write(f"{place}: {problem.text}" if place else problem.text)
            raise CommandError("Nothing was imported.") from refusal

    def _export(self, version: PlanVersion, path: Path | None, kind: str | None) -> None:
        ending = path.suffix.lstrip(".").lower() if path else ""
        content = write(version, kind or (ending if ending in CONTENT_TYPES else "csv"))
        if path is None:
            sys.stdout.buffer.write(content)
        else:
            path.write_bytes(content)
            self.stdout.write(f"{version}: {len(content):,} bytes in {path}")

    def _import(self, version: PlanVersion, path: Path, *, dry_run: bool) -> None:
        item = read(path.read_bytes(), name=path.name)
        changes = import_price_list(item, version=version, by=None, at=database_time(), dry_run=dry_run)
        for change in changes:
            self.stdout.write(change.text)
        changes_text = "1 change" if len(changes) == 1 else f"{len(changes):,} changes"
        self.stdout.write(f"{changes_text} {'to make in' if dry_run else 'made in'} {version}.")
