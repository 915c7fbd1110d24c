"""A run killed anywhere resumes where it stopped, and migrates no subscription twice; so does a rollback."""

import pytest

from billing.job_kinds import KINDS
from billing.jobs.worker import work
from billing.models import JobItem, MigrationItem, Period
from billing.plan_migrations import workflow
from tests.billing.plan_migrations.migration_setup import FIFTEENTH, HOUR, make_version, planned, worked
from tests.builders import make_customer, subscribe
from tests.clean_books import clean_after_test

clean_books = clean_after_test("subscriptions", "usage", "invoices", "jobs")

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]


class Killed(BaseException):
    """Simulates the end of the process."""


@pytest.fixture
def three(db):
    old = make_version("old")
    return [subscribe(make_customer(), old) for _ in range(3)]


def killed_at(place: str, monkeypatch, job, at) -> None:
    """Work on a job until it reaches a place, for the second time if there is one, and end there."""
    passed = []

    def reach(name: str) -> None:
        passed.append(name)
        if passed.count(place) == 2 or (place == "jobs.before_commit" and name == place):
            raise Killed

    with monkeypatch.context() as patched:
        for module in ("billing.plan_migrations.jobs", "billing.jobs.worker"):
            patched.setattr(f"{module}.hit_failpoint", reach)
        with pytest.raises(Killed):
            work(kinds=KINDS, clock=lambda: at, job_id=job.pk)
    JobItem.objects.update(begun_at=None)  # as if a worker retried the item a few seconds later


@pytest.mark.parametrize("place", ["migration.moved", "jobs.before_commit"])
def test_a_killed_run_resumes(three, monkeypatch, place):
    migration = planned(make_version("new", monthly="62"))
    job = workflow.run(migration_id=migration.pk, at=FIFTEENTH, by=None)
    killed_at(place, monkeypatch, job, FIFTEENTH)
    assert not MigrationItem.objects.exclude(state="waiting").exists()
    worked(job, at=FIFTEENTH)
    assert MigrationItem.objects.filter(state="moved").count() == 3
    assert Period.objects.filter(version=migration.version).count() == 3


@pytest.mark.parametrize("place", ["migration.moved_back", "jobs.before_commit"])
def test_a_killed_rollback_resumes(three, monkeypatch, place):
    migration = planned(make_version("new", monthly="62"))
    worked(workflow.run(migration_id=migration.pk, at=FIFTEENTH, by=None), at=FIFTEENTH)
    at = FIFTEENTH + HOUR / 2
    job = workflow.roll_back(migration_id=migration.pk, at=at, by=None)
    killed_at(place, monkeypatch, job, at)
    assert MigrationItem.objects.filter(state="moved").count() == 3
    worked(job, at=at)
    assert MigrationItem.objects.filter(state="undone").count() == 3
    assert {subscription.version_id for subscription in _refreshed(three)} == {three[0].version_id}


def _refreshed(subscriptions):
    for subscription in subscriptions:
        subscription.refresh_from_db()
    return subscriptions
