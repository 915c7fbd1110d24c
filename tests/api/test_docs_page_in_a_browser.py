"""The API's documentation shows every operation in a real browser, from this server alone and within its policy."""

import shutil
import subprocess

import pytest
from drf_spectacular.generators import SchemaGenerator

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: apt-get install chromium"),
]

OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--virtual-time-budget=20000",
    "--dump-dom",
]


def visit(address, folder):
    """Return the page as the browser has built it, and what it logged. No name but this server's leads anywhere."""
    alone = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"
    command = [CHROMIUM, *OPTIONS, alone, f"--user-data-dir={folder}", address]
    found = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return found.stdout, found.stderr


def complaints(log):
    words = ("Content Security Policy", "Failed to load", "Uncaught", "ERR_NAME")
    return [line for line in log.splitlines() if "CONSOLE" in line and any(word in line for word in words)]


def test_the_reference_shows_every_operation(live_server, tmp_path):
    page, log = visit(f"{live_server.url}/api/docs/", tmp_path)

    schema = SchemaGenerator().get_schema(request=None, public=True)
    for path, item in schema["paths"].items():
        for operation in item.values():
            assert f"operations-{operation['tags'][0]}-{operation['operationId']}" in page, path
    assert complaints(log) == []


def test_the_page_of_a_problem_has_its_style(live_server, tmp_path):
    page, log = visit(f"{live_server.url}/problems/invalid-fields", tmp_path)

    assert "<code>errors</code>" in page
    assert complaints(log) == []
