"""
The long campaigns, each on its own PostgreSQL: `python -m tests.prove faults --faults 100 --seed 7`.

A campaign prints its progress and a summary; the exit status is 1 if a guarantee was broken, or if the campaign did
not reach the windows in which it should have tried to break one.
"""

import logging
import os
import signal
import subprocess
import sys
from importlib import import_module
from types import FrameType

import django

from config.postgres import Cluster, binaries
from config.postgres.account import server_account
from config.postgres.throwaway import cluster_in, run_folder
from tests.prove import handshake

LIKE = "TOLLBOOK_PROVE_LIKE"  # the URL of a database to copy
CAMPAIGNS = (
    "faults",
    "numbers",
    "wallets",
    "exactly_once",
    "imports",
    "fuzz",
    "contract",
    "reservations",
    "periods",
    "migration",
    "payments",
    "payments_localstripe",
    "pairs",
    "quotas",
    "books",
    "month_locks",
    "clocks",
)


def main() -> int:
    if sys.argv[1:2] == [] or sys.argv[1] not in CAMPAIGNS:
        print(f"usage: python -m tests.prove {{{','.join(CAMPAIGNS)}}} [--help]", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, _leave)
    with run_folder() as folder:
        cluster = cluster_in(folder)
        os.environ |= {
            "DATABASE_URL": cluster.ensure_running(),  # the owner's; the processes have their own
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "TOLLBOOK_LOG_LEVEL": "ERROR",
            **handshake.environment(folder),
        }
        # From here on a database is configured: models can be imported, also by the campaign.
        django.setup()
        logging.getLogger("psycopg").setLevel(logging.ERROR)  # it sets its own level
        _migrate(cluster)
        return import_module(f"tests.prove.{sys.argv[1]}").run(sys.argv[2:], cluster)


def _migrate(cluster: Cluster) -> None:
    """Create the campaign's tables: copied, if a database is named that has them and little else."""
    from django.core.management import call_command

    if like := os.environ.get(LIKE):
        dumped = subprocess.run(
            _program(cluster, "pg_dump", "--format=custom", like), capture_output=True, check=True
        )
        restore = _program(cluster, "pg_restore", "--single-transaction", "--dbname", cluster.url())
        subprocess.run(restore, input=dumped.stdout, check=True)
        call_command("database_roles", verbosity=0)
    else:
        call_command("migrate", verbosity=0, interactive=False)


def _program(cluster: Cluster, name: str, *arguments: str) -> list[str]:
    return [str(binaries.find(server_account(cluster.home)) / name), *arguments]


def _leave(_number: int, _frame: FrameType | None) -> None:
    """Turn SIGTERM into an exception, so that all started processes are stopped on exit."""
    raise SystemExit(143)


if __name__ == "__main__":
    sys.exit(main())
