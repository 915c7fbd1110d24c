"""
Compare the invoices of the demo in two checkouts: `python -m demo.comparison OTHER [--at TIME]`.

OTHER is a checkout of another release. Each builds the demo in a throwaway database of its own. Numbers, customers,
lines, quantities and amounts must be equal; changed wording is listed apart. Exit status 1 if a figure differs.
"""

import argparse
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

_INVOICES = """
SELECT i.number, c.external_id, i.kind, i.state, i.currency, i.net::text, i.tax::text, i.total::text, coalesce((
    SELECT json_agg(json_build_array(l.position, l.quantity::text, l.amount::text, l.description) ORDER BY l.position)
    FROM invoices_line l WHERE l.invoice_id = i.id), '[]')
FROM invoices_invoice i JOIN customers_customer c ON c.id = i.customer_id WHERE i.number IS NOT NULL ORDER BY i.number
"""

_BUILD = f"""
import json, os, subprocess, sys
import psycopg
demo = [sys.executable, "manage.py", "demo", "--no-serve", "--at", sys.argv[1]]
subprocess.run(demo, check=True, stdout=sys.stderr)
with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
    print(json.dumps(connection.execute({_INVOICES!r}).fetchall()))
"""


def demo_invoices(checkout: Path, *, at: str) -> dict[str, list[Any]]:
    """Build the demo of a checkout in a throwaway database, and return its invoices by number."""
    command = [sys.executable, "-m", "config.postgres", "run", sys.executable, "-c", _BUILD, at]
    completed = subprocess.run(command, cwd=checkout, stdout=subprocess.PIPE, text=True, check=True)
    return {number: invoice for number, *invoice in json.loads(completed.stdout.splitlines()[-1])}


def compare(here: dict[str, list[Any]], other: dict[str, list[Any]]) -> tuple[list[str], list[str]]:
    """Return the differences in figures, and those in wording, as lines of text."""
    figures = [f"{number} exists in one demo only" for number in sorted(here.keys() ^ other.keys())]
    wording = []
    for number in sorted(here.keys() & other.keys()):
        *totals, lines = here[number]
        *other_totals, other_lines = other[number]
        if totals != other_totals or [line[:3] for line in lines] != [line[:3] for line in other_lines]:
            figures.append(f"{number}: {other[number]} became {here[number]}")
            continue
        pairs = zip(lines, other_lines, strict=True)
        wording += [f"{number}: “{b[3]}” became “{a[3]}”" for a, b in pairs if a[3] != b[3]]
    return figures, wording


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m demo.comparison", description=__doc__)
    parser.add_argument("other", type=Path)
    parser.add_argument("--at", default=(datetime.now(UTC) - timedelta(days=1)).replace(microsecond=0).isoformat())
    options = parser.parse_args()
    here = demo_invoices(Path(__file__).resolve().parents[1], at=options.at)
    other = demo_invoices(options.other.resolve(), at=options.at)
    figures, wording = compare(here, other)
    lines = sum(len(invoice[-1]) for invoice in here.values())
    print(f"{len(here)} invoices with {lines} lines here, {len(other)} invoices in {options.other}")
    print(f"{len(figures)} differences in figures, {len(wording)} in wording")
    print("\n".join([*figures, *wording]))
    return 1 if figures else 0


if __name__ == "__main__":
    sys.exit(main())
