"""The benchmarks of the books run on the present schema: a few rows of each, since only a long campaign runs them."""

import os

import pytest
from django.core.management import call_command

from benchmarks import books, journal, metrics, scratch_server
from tests import template_cache

BENCHMARKS = {
    "journal": lambda: journal.run(postings=300, rounds=1, report=print),
    "metrics": lambda: metrics.run(subscriptions=60, rounds=1, report=print),
    "waterfall": lambda: books.run_waterfall(lines=400, rounds=1, report=print),
    "freeze": lambda: books.run_freeze(lines=400, rounds=1, report=print),
}


@pytest.fixture(autouse=True)
def short_way_to_a_scratch_database(monkeypatch):
    """Restore the stored database of tests instead of migrating an empty one; runs side by side have one each."""

    def migrate(command: str, **options: int) -> None:
        if not template_cache.restore(scratch_server._url()):
            call_command(command, **options)

    monkeypatch.setattr(scratch_server, "call_command", migrate)
    monkeypatch.setattr(scratch_server, "DATABASE", f"{scratch_server.DATABASE}_{os.getpid()}")


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", BENCHMARKS)
def test_both_sides_are_measured(name, django_db_setup):
    with django_db_setup.use_as_owner():
        outcomes = BENCHMARKS[name]()
    assert len(outcomes) == 2
    assert all(min(*outcome.ours, *outcome.theirs) > 0 for outcome in outcomes)
