"""The suite's own database: real, migrated, and unchanged after a test that commits."""

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection


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
