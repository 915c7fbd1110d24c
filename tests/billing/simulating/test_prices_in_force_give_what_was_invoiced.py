"""The prices that were in force come to what was invoiced, line by line, however their usage is counted again."""

import pytest
from django.db import connection

from billing.models import Period
from billing.simulating import simulate
from plans.models import PlanVersion
from plans.publishing import new_version
from tests.billing.auditing.books import make_books
from tests.billing.ingest.reading import NOW
from tests.simulated import closed_periods, differences

pytestmark = pytest.mark.django_db

SOURCES = ("", "events")
"""Where copies of a version take their usage from: the least that tells it, and the events alone."""


def test_over_books_with_everything_in_them_and_nothing_is_written():
    make_books()
    periods = closed_periods()
    copies = {
        one: new_version(source=one, by=None, at=NOW)
        for one in PlanVersion.objects.filter(pk__in=Period.objects.filter(pk__in=periods).values("version"))
    }
    versions = dict(Period.objects.filter(pk__in=periods).values_list("pk", "version"))
    before = written()
    found = simulate(period_ids=periods, versions=[None], at=NOW)
    assert (len(found), len(copies)) == (len(periods), len(set(versions.values())))
    assert sum(len(one.before.lines) for one in found) > 100
    wrong = list(differences(found))
    for version, copy in copies.items():
        own = [id_ for id_ in periods if versions[id_] == version.pk]
        for only in SOURCES:
            wrong += differences(simulate(period_ids=own, versions=[copy], at=NOW, only=only))
    assert not wrong
    assert written() == before


def written() -> list[tuple]:
    """Return how many rows of each table this transaction has written."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname, n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_xact_user_tables ORDER BY 1")
        return cursor.fetchall()
