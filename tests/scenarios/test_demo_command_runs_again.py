"""
`manage.py demo --no-serve` as a newcomer runs it: its own web process, the real API, PDFs; and then a second time.
"""

import os
import re
import subprocess
import sys

import pytest
from django.db import connection

from config.paths import PROJECT, data_folder
from invoices.models import Invoice, Rendering

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.long]


@pytest.fixture(autouse=True)
def no_trace_left():
    yield
    (data_folder() / f"demo-{connection.settings_dict['NAME']}.json").unlink(missing_ok=True)


def test_the_first_run_bills_and_the_second_changes_nothing():
    first = demo()
    assert "28,219 events taken, 0 known already" in first

    issued = set(Invoice.objects.values_list("id", "number", "total"))
    assert len(issued) > 40
    assert set(Rendering.objects.values_list("invoice_id", flat=True)) == {id_ for id_, *_ in issued}
    assert not Rendering.objects.filter(content__isnull=True).exists()

    second = demo()
    assert "all 28,219 events were sent before, and nothing is due" in second
    assert set(Invoice.objects.values_list("id", "number", "total")) == issued

    # The login and the key are unchanged, and another date is refused.
    assert credentials_of(second) == credentials_of(first)
    assert len(credentials_of(first)) == 3
    assert "This database holds the demo as of" in demo("--at", "2020-01-01", status=1)


def demo(*arguments: str, status: int = 0) -> str:
    command = [sys.executable, "manage.py", "demo", "--no-serve", *arguments]
    # DATABASE_URL names this test's database: see tests/postgres.py.
    done = subprocess.run(
        command, cwd=PROJECT, env=os.environ, check=False, timeout=300, capture_output=True, text=True
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def credentials_of(output: str) -> list[str]:
    return re.findall(r"^  (?:logins|password|API key) +(\S.*)$", output, re.MULTILINE)
