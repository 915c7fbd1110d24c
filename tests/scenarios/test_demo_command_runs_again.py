"""
`manage.py demo --no-serve` as a newcomer runs it: its own web process, the real API, PDFs; and then a second time.
"""

import os
import re
import subprocess
import sys

import pytest
from django.apps import apps
from django.db import connection

from config.admin_site.menu import AREAS
from config.paths import PROJECT, data_folder
from customers.models import Delivery
from customers.models.notifications import DeliveryState
from invoices.models import Invoice, Rendering

LEAST_ROWS = 3
FEWER = {
    "customers.seller": "the demo has a seller in America and one in Europe",
    "plans.meter": "two meters count everything that the demo sells",
    "plans.publishingrule": "the table has a single row",
    "wallets.breakagerate": "each seller has an estimate",
    "django_celery_beat.periodictask": "beat fills the table when the demo is served",
}
"""Menu page → why it has fewer rows."""

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture(autouse=True)
def no_trace_left():
    yield
    (data_folder() / f"demo-{connection.settings_dict['NAME']}.json").unlink(missing_ok=True)


def test_the_first_run_fills_every_page_and_the_second_changes_nothing():
    first = demo()
    assert "28,219 events stored, 0 stored before" in first
    assert "!" not in first, "the demo reports a problem"
    assert first.index("\nAccess\n") > first.index("\nIn the database\n"), "the logins are printed last"
    issued = set(Invoice.objects.values_list("id", "number", "total"))
    assert len(issued) > 500
    assert Rendering.objects.filter(content__isnull=False).count() > 40
    models = {page.model for area in AREAS for section in area.sections for page in section.pages if page.model}
    few = {model for model in models if apps.get_model(model)._default_manager.count() < LEAST_ROWS}
    assert few == set(FEWER)
    delivered = Delivery.objects.filter(state=DeliveryState.DELIVERED, endpoint__isnull=False)
    assert delivered.values("endpoint").distinct().count() >= LEAST_ROWS

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
        command, cwd=PROJECT, env=os.environ, check=False, timeout=900, capture_output=True, text=True
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def credentials_of(output: str) -> list[str]:
    return re.findall(r"^  (?:logins|password|API key) +(\S.*)$", output, re.MULTILINE)
