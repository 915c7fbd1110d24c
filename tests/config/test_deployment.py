"""Deployment checks: production refuses settings that development accepts."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connection

from config import dev_defaults
from config.checks import (
    database_is_durable,
    documents_are_rendered_safely,
    tasks_are_bounded,
    tasks_survive_their_worker,
)
from config.paths import PROJECT
from config.postgres.throwaway import cluster_in, run_folder

SOUND = {
    "TOLLBOOK_PRODUCTION": "1",
    "TOLLBOOK_SECRET_KEY": "k3y-" * 15 + "abcdefghij",
    "TOLLBOOK_HOSTS": "billing.example",
}


def deploy_check(**environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    return subprocess.run(
        command, cwd=PROJECT, env=os.environ | environment, capture_output=True, text=True, check=False
    )


@pytest.fixture
def durable_server() -> Iterator[str]:
    """Start a server as durable as production's, and return its URL: that of the other tests skips the disk."""
    with run_folder() as folder:
        yield cluster_in(folder).ensure_running()


@pytest.mark.slow
def test_finds_no_error_in_a_complete_configuration(durable_server):
    done = deploy_check(**SOUND, DATABASE_URL=durable_server)
    assert done.returncode == 0, done.stderr


@pytest.mark.django_db(transaction=True)
def test_does_not_start_without_a_key():
    done = deploy_check(**SOUND | {"TOLLBOOK_SECRET_KEY": ""})
    assert "Set TOLLBOOK_SECRET_KEY" in done.stderr


@pytest.mark.django_db
def test_development_settings_fail_the_check():
    with pytest.raises(SystemCheckError, match="These are development settings"):
        call_command("check", deploy=True)


@pytest.mark.django_db
def test_refuses_a_database_without_durable_commits():
    errors_before = database_is_durable()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")
    errors = [error.msg for error in database_is_durable() if error not in errors_before]
    assert errors == ["PostgreSQL runs with synchronous_commit=off."]


def test_refuses_tasks_that_die_with_their_worker(settings):
    assert tasks_survive_their_worker() == []
    settings.CELERY_TASK_ACKS_LATE = False
    assert [error.id for error in tasks_survive_their_worker()] == ["tollbook.E003"]


@pytest.mark.parametrize("limit", [None, 0, 331, 10_000])
def test_refuses_tasks_that_outlive_their_message(settings, limit: int | None):
    assert tasks_are_bounded() == []
    settings.CELERY_TASK_TIME_LIMIT = limit
    assert [error.id for error in tasks_are_bounded()] == ["tollbook.E004"]


@pytest.mark.parametrize(("version", "refused"), [("70.0", False), ("71.2", False), ("69.9", True)])
def test_refuses_a_renderer_with_a_known_vulnerability(monkeypatch: pytest.MonkeyPatch, version: str, refused: bool):
    monkeypatch.setattr("config.checks.version", lambda name: version)
    assert bool(documents_are_rendered_safely()) is refused


def test_generates_no_key_in_production():
    with pytest.raises(ImproperlyConfigured):
        dev_defaults.secret_key(production=True)


def test_keeps_the_generated_development_key(tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(dev_defaults, "data_folder", lambda: tmp_path)

    first = dev_defaults.secret_key(production=False)

    assert len(first) >= 50
    assert dev_defaults.secret_key(production=False) == first
    assert (tmp_path / "secret_key").stat().st_mode & 0o077 == 0, "nobody else may read it"
