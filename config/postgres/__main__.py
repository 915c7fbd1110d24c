"""The project's own PostgreSQL, by hand."""

import argparse
import os
import shutil
import signal
import subprocess
import sys
from types import FrameType

from config import postgres
from config.paths import fallback_folder
from config.postgres.cluster import STAFF
from config.postgres.throwaway import cluster_in, run_folder

ACTIONS = {
    "start": "start the server and print its URL",
    "stop": "stop it",
    "status": "print whether it is running; exit status 3 if not",
    "dsn": "print the URL that this project uses, without starting anything",
    "remove": "stop it and delete its data and every other file of it outside the project",
    "run": "run a command with a throwaway server in DATABASE_URL, or with the one already there",
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m config.postgres", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    for name, meaning in ACTIONS.items():
        action = actions.add_parser(name, help=meaning)
        if name == "run":
            action.add_argument("command", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    cluster = postgres.development()
    if arguments.action == "run":
        return _run(arguments.command)
    if arguments.action == "status":
        pid = cluster.pid()
        print(f"running as process {pid}: {cluster.url()}" if pid else f"not running ({cluster.home})")
        return 0 if pid else 3
    if arguments.action in ("stop", "remove"):
        print("stopped" if cluster.stop() else "was not running")
        if arguments.action == "remove":
            for folder in (cluster.home, fallback_folder()):
                shutil.rmtree(folder, ignore_errors=not folder.exists())
    else:
        print(cluster.ensure_running() if arguments.action == "start" else postgres.url())
    return 0


def _run(command: list[str]) -> int:
    if os.environ.get("DATABASE_URL"):
        return subprocess.run(command, check=False).returncode
    signal.signal(signal.SIGTERM, _leave)
    with run_folder() as folder:
        cluster = cluster_in(folder)
        environment = os.environ | {postgres.OWNER: cluster.ensure_running(), "DATABASE_URL": cluster.url(user=STAFF)}
        return subprocess.run(command, env=environment, check=False).returncode


def _leave(_number: int, _frame: FrameType | None) -> None:
    """Turn SIGTERM into an exception, so that the throwaway server is stopped on exit."""
    raise SystemExit(143)


if __name__ == "__main__":
    sys.exit(main())
