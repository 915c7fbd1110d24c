"""
The long campaigns, each on a PostgreSQL of its own: `python -m tests.prove faults --faults 100 --seed 7`.

A campaign prints what it does and a summary; the exit status is 1 if a promise was broken, or if the campaign did not
come to the places where it should have tried to break one.
"""

import logging
import os
import signal
import sys
from importlib import import_module
from types import FrameType

import django

from config.postgres.throwaway import cluster_in, run_folder
from tests.prove import handshake

CAMPAIGNS = ("faults", "numbers", "wallets", "exactly_once", "imports", "fuzz", "reservations")


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
        from django.core.management import call_command

        call_command("migrate", verbosity=0, interactive=False)
        return import_module(f"tests.prove.{sys.argv[1]}").run(sys.argv[2:], cluster)


def _leave(_number: int, _frame: FrameType | None) -> None:
    """Turn SIGTERM into an exception, so that everything that was started is stopped on the way out."""
    raise SystemExit(143)


if __name__ == "__main__":
    sys.exit(main())
