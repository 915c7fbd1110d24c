"""
Operations migrate a cohort: chosen, previewed, run; a worker dies, another one continues; and all of it is rolled
back.
"""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as project
from django.utils import timezone
from playwright.sync_api import Page, expect

from billing.closing import close_due
from billing.job_kinds import KINDS
from billing.jobs.worker import work
from billing.models import Job, MigrationItem
from billing.models.jobs import OPEN_STATES
from billing.subscriptions import generate_periods
from tests.builders import fee, make_customer, make_plan, offer, publish, rate, subscribe
from tests.clean_books import assert_clean
from tests.prove.processes import until

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

COUNT = 12
"""Subscriptions in the cohort; one of them can't be migrated."""


@pytest.fixture
def cohort(db) -> None:
    """
    Create subscriptions to *Starter*, ten days old, one in euros, and the plan *Scale*, which is priced in dollars.
    """
    now = timezone.now()
    start = now - timedelta(days=10)
    prices = {"USD": [rate("0.10")], "EUR": [rate("0.10")]}
    fees = [fee("30"), fee("30", currency="EUR")]
    old = publish(
        make_plan("starter", fees=fees, offers=[offer("calls", prices=prices)], anchor="anniversary"), start
    )
    publish(
        make_plan("scale", fees=[fee("60")], offers=[offer("calls", rates=[rate("0.20")])], anchor="anniversary"),
        start,
    )
    for number in range(COUNT):
        currency = "USD" if number else "EUR"
        subscribe(make_customer(currency=currency), old, start, at=start)
    generate_periods(until=now)
    close_due(at=now)


def test_a_cohort_is_migrated_and_rolled_back(signed_in, cohort, tmp_path):
    page = signed_in("operations")
    plan(page)
    page.locator("#preview").click()
    run_all_jobs()
    expect(page.locator(".panel", has_text="Problems")).to_contain_text("no prices in EUR")
    row = page.locator(".panel", has_text="Impact").locator("tbody tr", has_text="USD")
    expect(row).to_contain_text(f"{COUNT - 1}")

    page.locator("#run").click()
    page.get_by_role("button", name=f"Move {COUNT}").click()
    kill_worker_within_item(tmp_path / "announced")
    assert states() == {"waiting": COUNT}, "what was begun is as if it had not been"
    expect(page.locator("#job-progress")).to_contain_text("0 of 1 item")
    run_all_jobs()
    expect(page.locator(".cards").first).to_contain_text(f"{COUNT - 1}")
    assert states() == {"moved": COUNT - 1, "refused": 1}
    close_due(at=timezone.now() + timedelta(hours=2))
    assert_clean()

    page.reload()
    page.locator("#roll-back").click()
    page.get_by_role("button", name=f"Roll back {COUNT - 1}").click()
    run_all_jobs()
    expect(page.locator(".cards").first).to_contain_text("Rolled back")
    assert states() == {"undone": COUNT - 1, "refused": 1}
    close_due(at=timezone.now() + timedelta(hours=2))
    assert_clean()


def plan(page: Page) -> None:
    page.goto("/admin/billing/planmigration/")
    page.get_by_role("link", name="Plan a migration").click()
    page.fill("#id_title", "Starter is no more")
    page.select_option("#id_plan", label="Starter")
    page.select_option("#id_version", label="Scale v1")
    page.get_by_label("now, in mid-period").check()
    page.get_by_role("button", name="Select subscriptions").click()
    expect(page.locator(".cards").first).to_contain_text(f"{COUNT}")


def run_all_jobs() -> None:
    """Run jobs until none is open. An item that a dead worker started can be taken after a moment."""

    def is_done() -> bool:
        work(kinds=KINDS, clock=timezone.now)
        return not Job.objects.filter(state__in=OPEN_STATES).exists()

    assert until(is_done, seconds=30, look=0.2)


def kill_worker_within_item(announced: Path) -> None:
    """Let a worker migrate some subscriptions, and kill it within its job item."""
    announced.touch()
    environment = {"TOLLBOOK_FAILPOINT": "migration.moved", "TOLLBOOK_FAILPOINT_FILE": str(announced)}
    command = [sys.executable, "manage.py", "run_jobs"]
    worker = subprocess.Popen(command, env=os.environ | environment, cwd=project.BASE_DIR, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not announced.read_text().endswith("\n") and time.monotonic() < deadline:
        time.sleep(0.05)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    assert announced.read_text()


def states() -> dict[str, int]:
    return dict(Counter(MigrationItem.objects.values_list("state", flat=True)))
