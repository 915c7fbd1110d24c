"""Campaigns run, with a handful of faults each: briefly with each change, and in full by `make prove ARGS=long`."""

import os
import subprocess
import sys

import pytest

from config.paths import PROJECT
from config.postgres import OWNER
from tests.prove.__main__ import LIKE
from tests.prove.verdict import Verdict

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("django_db_setup")]


def campaign(*arguments: str) -> str:
    """Run a campaign as `make prove` does, on its own PostgreSQL, and return its output; nothing may be broken."""
    command = [sys.executable, "-m", "tests.prove", *arguments, "--seed", "5"]
    like = {LIKE: os.environ[OWNER]}  # of this worker, without rows of tests: see tests/postgres.py
    done = subprocess.run(command, cwd=PROJECT, env=os.environ | like, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.long
def test_numbers_are_taken_while_sessions_die():
    assert "60 numbers run from 1 to 60" in campaign("numbers", "--numbers", "60", "--kills", "4")


@pytest.mark.long
def test_wallets_are_changed_while_writers_die():
    output = campaign("wallets", "--operations", "200", "--writers", "8", "--kills", "2", "--steps", "0")
    assert "250 operations on 100 wallets, 1 kills" in output


@pytest.mark.long
def test_files_are_imported_while_workers_die():
    assert "2,000 events of 2,000 rows" in campaign("imports", "--rows", "2000", "--kills", "6")


@pytest.mark.long
def test_requests_reach_every_operation():
    output = campaign("fuzz", "--requests", "600")
    assert "POST /api/v1/events" in output
    assert "GET /api/v1/invoices/{invoice}/pdf" in output


@pytest.mark.long
def test_limits_apply_to_concurrent_clients():
    output = campaign("reservations", "--rounds", "1", "--clients", "130")
    assert "hard cap" in output


def test_customers_are_charged_while_everything_fails():
    output = campaign("payments", "--runs", "8")
    assert "refunds, " in output


@pytest.mark.long
def test_customers_are_charged_at_a_stripe_that_others_wrote():
    output = campaign("payments_localstripe", "--runs", "8")
    assert "refunds, " in output


@pytest.mark.long
def test_pairs_of_operations_equal_one_after_the_other():
    output = campaign("pairs", "--times", "1", "--starts", "issued")
    assert "both succeeded" in output


@pytest.mark.long
def test_quotas_and_throttles_apply_to_concurrent_clients():
    output = campaign("quotas", "--clients", "40", "--most", "30")
    assert "check and reserve agree at rest" in output


@pytest.mark.long
def test_random_books_are_those_of_the_reckoner():
    assert "50 of 50 books were compared" in campaign("books", "--books", "50")


@pytest.mark.long
def test_months_are_locked_while_workers_issue_and_die():
    output = campaign("month_locks", "--months", "1", "--customers", "40", "--kills", "4")
    assert "in 1 locked months" in output


def test_a_broken_guarantee_sets_the_exit_status():
    verdict = Verdict("nothing", seed=1)
    assert verdict.require(True, "kept")
    assert verdict.conclude() == 0
    assert not verdict.require(False, "an event is lost")
    assert verdict.conclude() == 1


def test_an_unknown_campaign_is_refused():
    done = subprocess.run(
        [sys.executable, "-m", "tests.prove", "none"], cwd=PROJECT, capture_output=True, check=False
    )
    assert done.returncode == 2
