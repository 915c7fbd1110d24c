"""A scratch database and a web server on it."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from urllib.parse import urlencode
from urllib.request import urlopen

from django.core.management import call_command
from django.db import connection

from billing.metering.ingest import catalog_cache, customer_cache
from billing.metering.store import counter_store
from plans.catalog.stored_terms import clear_terms_cache

DATABASE = "tollbook_benchmark"
READY_SECONDS = 30


@contextlib.contextmanager
def database(suffix: str = "") -> Iterator[str]:
    """
    Create a migrated scratch database next to the configured one, yield its URL, and drop it afterwards.

    This process uses it until the block ends, or until another one is created within the block.
    """
    configured_name, name = connection.settings_dict["NAME"], DATABASE + suffix
    _execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", f"CREATE DATABASE {name}")
    _use(name)
    try:
        call_command("migrate", verbosity=0)
        clear_caches()
        yield _url()
    finally:
        _use(configured_name)
        clear_caches()
        _execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def clear_caches() -> None:
    """Clear this process's caches of the previous database."""
    catalog_cache.clear()
    customer_cache.clear()
    counter_store.clear_id_cache()
    clear_terms_cache()


def _use(name: str) -> None:
    connection.close()
    connection.settings_dict["NAME"] = name


def _execute(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def _url() -> str:
    settings = connection.settings_dict
    parameters = {
        "host": settings["HOST"],
        "port": settings["PORT"],
        "user": settings["USER"],
        "password": settings["PASSWORD"],
    }
    return (
        f"postgresql:///{settings['NAME']}?{urlencode({name: value for name, value in parameters.items() if value})}"
    )


@contextlib.contextmanager
def server(url: str, *, workers: int = 2, threads: int = 4) -> Iterator[int]:
    """Serve the product from the scratch database as in production, and yield the port on the loopback address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", "config.wsgi", "--bind", f"127.0.0.1:{port}"]
    command += ["--workers", str(workers), "--threads", str(threads), "--log-level", "warning"]
    environment = os.environ | {"DATABASE_URL": url, "TOLLBOOK_URLCONF": "benchmarks.urls"}
    process = subprocess.Popen(command, env=environment)
    try:
        _wait_for(port, process)
        yield port
    finally:
        process.terminate()
        process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the web server ended with status {process.returncode} before it answered")
        with contextlib.suppress(OSError), urlopen(f"http://127.0.0.1:{port}/livez", timeout=1):
            return
        time.sleep(0.1)
    raise RuntimeError(f"the web server did not answer within {READY_SECONDS} s")
