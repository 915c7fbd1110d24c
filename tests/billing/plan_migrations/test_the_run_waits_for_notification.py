"""Customers are notified before any subscription is migrated."""

import pytest

from billing.models import MigrationItem
from billing.plan_migrations import workflow
from billing.plan_migrations.cohort import MigrationRefused
from customers.models import Notification
from tests.billing.plan_migrations.migration_setup import DAY, FIFTEENTH, make_version, planned, run
from tests.builders import make_customer, subscribe

pytestmark = pytest.mark.django_db


@pytest.fixture
def new(db):
    subscribe(make_customer("acme"), make_version("old"))
    return make_version("new")


def refused(step, migration, *, at=FIFTEENTH, by=None) -> str:
    with pytest.raises(MigrationRefused) as caught:
        step(migration_id=migration.pk, at=at, by=by)
    return str(caught.value)


def test_customers_are_notified_with_their_own_bills(new):
    migration = planned(new, notice_days=60)
    MigrationItem.objects.update(before="31", after="35.50")
    assert "Customers must be notified 60 days before" in refused(workflow.run, migration)
    workflow.announce(migration_id=migration.pk, at=FIFTEENTH, by=None)
    facts = Notification.objects.get(kind="migration.announced").facts
    assert (facts["plan"], facts["new_plan"]) == ("Old", "New")
    assert (facts["bill_before"], facts["bill_after"], facts["currency"]) == ("31", "35.5", "USD")
    assert facts["not_before"] == "2026-03-16"


def test_the_run_waits_for_the_notice_period(new):
    migration = planned(new, notice_days=60)
    workflow.announce(migration_id=migration.pk, at=FIFTEENTH, by=None)
    assert "2026-03-16" in refused(workflow.run, migration, at=FIFTEENTH + 59 * DAY)
    assert "notified on" in refused(workflow.announce, migration)
    assert run(migration, at=FIFTEENTH + 60 * DAY).state == "done"


def test_an_excluded_customer_is_not_notified(new):
    migration = planned(new, notice_days=60)
    MigrationItem.objects.update(state="excluded")
    workflow.announce(migration_id=migration.pk, at=FIFTEENTH, by=None)
    assert not Notification.objects.filter(kind="migration.announced").exists()


def test_a_discarded_migration_is_not_run(new):
    migration = planned(new)
    workflow.discard(migration_id=migration.pk, at=FIFTEENTH, by=None)
    assert "already discarded" in refused(workflow.run, migration)


def test_one_step_is_done_at_a_time(new):
    migration = planned(new)
    workflow.preview(migration_id=migration.pk, at=FIFTEENTH, by=None)
    assert "Wait for it to finish" in refused(workflow.run, migration)
