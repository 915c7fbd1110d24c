"""manage.py benchmark: measure the product, as ratios of two sides in the same run."""

import json
import os
import platform
import time
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import connection

from benchmarks import (
    NAMES,
    admin,
    books,
    check,
    close,
    ingest,
    journal,
    metrics,
    migrate,
    read,
    render,
    simulate,
    wallet,
)
from benchmarks.measurement import Outcome, Report

SUBSCRIPTIONS = {"close": 4_000, "migrate": 1_500, "simulate": 2_000, "metrics": 100_000}
"""
How many subscriptions a benchmark stores for a round, so that it takes less than three minutes on two cores, most of
them for migrating its database and storing the usage. Ask for 20,000 to see that the ratio doesn't depend on it.
"""


class Command(BaseCommand):
    help = "Measure Tollbook against bare programs on this machine, and print the ratios."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", choices=NAMES)
        parser.add_argument("--json", action="store_true", help="print one JSON document instead of text")
        parser.add_argument("--rounds", type=int, default=3)
        parser.add_argument("--batch", type=int, default=1000, help="ingest: events per request")
        parser.add_argument("--single", action="store_true", help="ingest: one event per request")
        parser.add_argument("--events", type=int, help="ingest, wallet: events per round; read: events stored")
        parser.add_argument("--spends", type=int, default=4_000, help="wallet: single spends per round")
        parser.add_argument("--subscriptions", type=int, help=f"per round; default: {SUBSCRIPTIONS}")
        parser.add_argument("--documents", type=int, default=1_000, help="render: to measure memory")
        parser.add_argument("--postings", type=int, default=1_000_000, help="journal: postings of the month")
        parser.add_argument("--lines", type=int, default=1_000_000, help="waterfall, freeze: invoiced lines")
        parser.add_argument("--rows", type=int, default=1_000_000, help="admin: rows of each table")
        parser.add_argument("--workers", type=int, default=1, help="close: number of processes")

    def handle(self, *, name: str, **options: Any) -> None:
        report: Report = (lambda text: None) if options["json"] else self.stdout.write
        started = time.monotonic()
        outcomes = self._measure(name, options, report)
        report(f"Finished in {time.monotonic() - started:.0f} seconds.")
        if options["json"]:
            facts = {"machine": _machine(), "outcomes": [outcome.as_json() for outcome in outcomes]}
            self.stdout.write(json.dumps(facts, indent=2))
        else:
            self.stdout.write(f"\n{_machine()}")
            for result in outcomes:
                self.stdout.write(result.as_text())

    def _measure(self, name: str, options: dict[str, Any], report: Report) -> list[Outcome]:
        common = {"rounds": options["rounds"], "report": report}
        subscriptions = options["subscriptions"] or SUBSCRIPTIONS.get(name, 0)
        events, batch = options["events"], options["batch"]
        runs: dict[str, Callable[[], list[Outcome]]] = {
            "ingest": lambda: ingest.run(batch=batch, events=events or 40_000, **common),
            "single": lambda: ingest.run_single(events=events or 4_000, **common),
            "read": lambda: read.run(events=events or 2_000_000, **common),
            "check": lambda: check.run(**common),
            "wallet": lambda: wallet.run(spends=options["spends"], events=events or 40_000, **common),
            "render": lambda: render.run(documents=options["documents"], **common),
            "migrate": lambda: migrate.run(subscriptions=subscriptions, **common),
            "simulate": lambda: simulate.run(subscriptions=subscriptions, **common),
            "journal": lambda: journal.run(postings=options["postings"], **common),
            "waterfall": lambda: books.run_waterfall(lines=options["lines"], **common),
            "freeze": lambda: books.run_freeze(lines=options["lines"], **common),
            "metrics": lambda: metrics.run(subscriptions=subscriptions, **common),
            "admin": lambda: admin.run(rows=options["rows"], **common),
            "close": lambda: close.run(subscriptions=subscriptions, workers=options["workers"], **common),
        }
        if name == "ingest" and options["single"]:
            name = "single"
        return runs[name]()


def _machine() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        version = cursor.fetchone()[0]
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, PostgreSQL {version}"
