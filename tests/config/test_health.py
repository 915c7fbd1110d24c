"""The probes report to a load balancer whether this process is alive and whether it is ready."""

from datetime import timedelta
from unittest.mock import patch

import pytest
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from config import health
from tests.owner_rights import as_owner


@pytest.fixture(autouse=True)
def _clear_cached_migration_check():
    health._require_migrations.cache_clear()
    yield
    health._require_migrations.cache_clear()


def test_lives_without_a_database(client: Client):
    assert client.get("/livez").status_code == 200


def test_answers_for_any_host_and_without_tls(client: Client, settings):
    settings.SECURE_SSL_REDIRECT = True
    assert client.get("/livez", headers={"host": "10.0.0.7"}).status_code == 200


@pytest.mark.django_db
def test_is_ready_with_a_migrated_database(client: Client):
    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json()["migrations"] == "applied"


@pytest.mark.django_db
def test_is_not_ready_while_a_migration_is_missing(client: Client):
    with as_owner():
        MigrationRecorder(connection).record_unapplied("sessions", "0001_initial")

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["migrations"] == "1 not applied: run manage.py migrate"


def test_is_not_ready_without_a_database(client: Client):
    with patch.object(connection, "cursor", side_effect=OperationalError("no server")):
        answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json() == {"status": "not ready", "database": "unreachable"}


BEAT = [
    # last run     beat
    (None, {"status": "has not run yet"}),
    (20, {"status": "on time", "last_run_seconds_ago": 20}),
    (181, {"status": "late", "last_run_seconds_ago": 181}),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("seconds", "beat"), BEAT)
def test_reports_the_last_run_of_beat_and_stays_ready(client: Client, seconds: int | None, beat: dict):
    every = IntervalSchedule.objects.create(every=60, period=IntervalSchedule.SECONDS)
    last = None if seconds is None else timezone.now() - timedelta(seconds=seconds)
    PeriodicTask.objects.create(name="sweep", task="sweep", interval=every, last_run_at=last)

    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json()["beat"] == beat
