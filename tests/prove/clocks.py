"""
Live random histories of sandbox customers twice, with and without stops of their clock; the books must be the same.

Fees, trials, usage, cards that pay or decline, dunning, plan changes, cancellations, top-ups, expiring lots, alerts:
tests/billing/simulation/sandbox/clock_law.py. `--seed 17 --histories 1` repeats one.
"""

import argparse
import time
from collections.abc import Sequence
from multiprocessing import get_context
from multiprocessing.queues import SimpleQueue

from django.db import connection, transaction

from config.postgres import Cluster
from tests.billing.simulation.sandbox.clock_law import differences, make_catalog
from tests.conftest import clear_database_caches
from tests.prove.database_copies import connect_to, copy_database
from tests.prove.verdict import Verdict, say

WORKERS = 2
SHOWN_EVERY = 50


class _RolledBack(Exception):
    """A history is compared, and needed no more."""


def run(arguments: Sequence[str], _cluster: Cluster) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.prove clocks", description=__doc__)
    parser.add_argument("--histories", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=0, help="the number of the first history")
    parser.add_argument("--workers", type=int, default=WORKERS)
    options = parser.parse_args(arguments)
    verdict = Verdict(f"{options.histories:,} random histories", seed=options.seed)
    copies: SimpleQueue[str] = get_context("fork").SimpleQueue()
    connection.close()
    for number in range(options.workers):
        copies.put(copy_database(f"clocks_{number}"))
    began = time.monotonic()
    with get_context("fork").Pool(options.workers, connect_to, [copies]) as pool:
        seeds = range(options.seed, options.seed + options.histories)
        for done, (seed, rows) in enumerate(pool.imap_unordered(_compare, seeds), start=1):
            verdict.require(not rows, f"history {seed}: {len(rows)} rows differ, such as {rows[:1]}")
            if done % SHOWN_EVERY == 0:
                say(f"  {done:,}/{options.histories:,} histories after {time.monotonic() - began:,.0f} s")
    return verdict.conclude()


def _compare(seed: int) -> tuple[int, list[str]]:
    clear_database_caches()
    rows: list[str] = []
    try:
        with transaction.atomic():
            make_catalog()
            rows = differences(seed)
            raise _RolledBack
    except _RolledBack:
        return seed, rows
