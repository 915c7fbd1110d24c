"""`manage.py audit`: check the books and report violations."""

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing.audit import CHECKS, Finding, audit
from billing.audit.audit_run import OracleNotInstalled, UnknownCheck, oracle_checks

MAX_STATUS = 124
"""Largest exit status that counts violations; shells give those above 125 another meaning."""

NO_ORACLE = 125
"""Exit status if the oracle is not installed: nothing was checked."""


class Command(BaseCommand):
    help = "Run the integrity checks; the exit status is the number of failed checks."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--only", metavar="NAME", action="append", default=[], help="run only this check; may be repeated"
        )
        parser.add_argument("--recompute", action="store_true", help="also recalculate amounts (needs the oracle)")
        parser.add_argument("--json", action="store_true", help="print one JSON document instead of text")
        parser.add_argument("--list", action="store_true", help="list the checks with their codes")

    def handle(self, *, only: list[str], **options: Any) -> None:
        try:
            checks = (*CHECKS, *oracle_checks()) if options["recompute"] else CHECKS
        except OracleNotInstalled as error:
            raise CommandError(str(error), returncode=NO_ORACLE) from error
        if options["list"]:
            for check in checks:
                self.stdout.write(f"{check.reference:4} {check.name}")
            return
        # JSON is printed at the end, as one document.
        report = (lambda finding: None) if options["json"] else self._report
        try:
            findings = audit(only=only, checks=checks, report=report)
        except UnknownCheck as error:
            raise CommandError(str(error)) from error
        violated = [finding for finding in findings if finding.is_violated]
        if options["json"]:
            self.stdout.write(json.dumps([_document(finding) for finding in findings], indent=2, default=str))
        else:
            self._conclude(findings, violated)
        if violated:
            sys.exit(min(len(violated), MAX_STATUS))

    def _report(self, finding: Finding) -> None:
        mark = self.style.ERROR("FAILED") if finding.is_violated else self.style.SUCCESS("ok")
        name = finding.check.name.replace("_", " ")
        self.stdout.write(f"{mark:6} {finding.check.reference:4} {name} ({finding.seconds:.1f} s)")
        for row in finding.rows:
            self.stdout.write("       " + ", ".join(f"{key} {value}" for key, value in row.items()))
        if finding.note:
            self.stdout.write(f"       {finding.note}")
        if finding.is_truncated:
            self.stdout.write("       and more")

    def _conclude(self, findings: list[Finding], violated: list[Finding]) -> None:
        seconds = sum(finding.seconds for finding in findings)
        passed_count = len(findings) - len(violated)
        self.stdout.write(f"\n{passed_count} of {len(findings)} checks passed ({seconds:.1f} s).")


def _document(finding: Finding) -> dict[str, Any]:
    return {
        "name": finding.check.name,
        "reference": finding.check.reference,
        "is_violated": finding.is_violated,
        "rows": finding.rows,
        "is_cut": finding.is_truncated,
        "note": finding.note,
        "seconds": round(finding.seconds, 3),
    }
