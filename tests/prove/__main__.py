"""
The long campaigns, each on a PostgreSQL of its own: `python -m tests.prove faults --faults 100 --seed 7`.

A campaign prints what it does and a summary; the exit status is 1 if a promise was broken, or if the campaign did not
come to the places where it should have tried to break one.
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
    "reservations",
    "periods",
    "migration",
    "payments",
    "pairs",
)


def main() -> int:
    if sys.argv[1:2] == [] or sys.argv[1] not in CAMPAIGNS:
        print(f"usage: python -m tests.prove {{{','.join(CAMPAIGNS)}}} [--help]", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, _leave)
    with run_folder() as folder:
        cluster = cluster_in(folder)
        os.environ |= {
            "DATABASE_URL": cluster.ensure_running(),
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "TOLLBOOK_LOG_LEVEL": "ERROR",
            **handshake.environment(folder),
        }
        # From here on there is a database to configure: models can be imported, by the campaign too.
        django.setup()
        logging.getLogger("psycopg").setLevel(logging.ERROR)  # it sets a level of its own
        _migrate(cluster)
        return import_module(f"tests.prove.{sys.argv[1]}").run(sys.argv[2:], cluster)


def _migrate(cluster: Cluster) -> None:
    """Give the campaign its tables: copied, where a database is named that has them and little else."""
    from django.core.management import call_command

    if like := os.environ.get(LIKE):
        dumped = subprocess.run(
            _program(cluster, "pg_dump", "--format=custom", like), capture_output=True, check=True
        )
        restore = _program(cluster, "pg_restore", "--single-transaction", "--dbname", cluster.url())
        subprocess.run(restore, input=dumped.stdout, check=True)
    else:
        call_command("migrate", verbosity=0, interactive=False)


def _program(cluster: Cluster, name: str, *arguments: str) -> list[str]:
    return [str(binaries.find(server_account(cluster.home)) / name), *arguments]


def _leave(_number: int, _frame: FrameType | None) -> None:
    """Turn SIGTERM into an exception, so that everything that was started is stopped on the way out."""
    raise SystemExit(143)


if __name__ == "__main__":
    sys.exit(main())
