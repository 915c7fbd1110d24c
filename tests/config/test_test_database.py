"""The suite's own database: real, migrated, and unchanged after a test that commits."""

import os

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection

from config.postgres.throwaway import is_throwaway
from tests.postgres import WorkerDatabase


@pytest.mark.django_db
def test_is_postgresql_15_or_newer():
    assert connection.vendor == "postgresql"
    assert connection.pg_version >= 150000


@pytest.mark.django_db(transaction=True)
def test_discards_committed_rows_part_one():
    ContentType.objects.create(app_label="left", model="behind")


@pytest.mark.django_db(transaction=True)
def test_discards_committed_rows_part_two():
    assert not ContentType.objects.filter(app_label="left").exists()
    assert ContentType.objects.filter(app_label="auth").exists(), "rows from migrations stay"


@pytest.mark.django_db(transaction=True)
def test_filled_rows_are_made_once_and_are_in_their_own_database(django_db_setup: WorkerDatabase):
    made = []

    def fill() -> None:
        made.append(ContentType.objects.create(app_label="filled", model="row"))

    for _ in range(2):
        with django_db_setup.use_filled("one_row", fill):
            assert ContentType.objects.filter(app_label="filled").count() == 1
        assert not ContentType.objects.filter(app_label="filled").exists()
    assert len(made) == 1


@pytest.mark.django_db
def test_a_throwaway_server_does_not_wait_for_the_disk():
    if not is_throwaway(os.environ["DATABASE_URL"]):
        pytest.skip("The server is not ours to configure.")
    with connection.cursor() as cursor:
        cursor.execute("SHOW fsync")
        assert cursor.fetchone() == ("off",)
