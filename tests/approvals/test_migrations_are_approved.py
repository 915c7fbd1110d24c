"""Where the rule requires it, each step of a plan migration that customers notice needs a second person."""

import pytest

from access.approvals import Requester, approve, perform
from access.models import ApprovalRequest
from billing.models import Job, MigrationItem
from billing.plan_migrations.acts import AnnounceMigration, RollBackMigration, RunMigration
from billing.plan_migrations.cohort import MigrationRefused, exclude
from customers.models import Notification
from tests.billing.plan_migrations.migration_setup import FIFTEENTH, make_version, planned, worked
from tests.builders import make_customer, subscribe

pytestmark = pytest.mark.django_db


@pytest.fixture
def olga(staff):
    return staff("olga", "operations")


@pytest.fixture
def migration(require):
    old = make_version("old")
    for name in ("acme", "globex"):
        subscribe(make_customer(name), old)
    require("plan_migrations")
    return planned(make_version("new"))


def ask(user, act):
    return perform(act, by=Requester(user=user), at=FIFTEENTH)


def decide(request, by):
    return approve(request_id=request.pk, by=by, at=FIFTEENTH)


def test_the_run_starts_with_the_approval(migration, olga, paula):
    request = ask(olga, RunMigration(migration_id=migration.pk))
    assert (request.title, request.kind) == ("Run To the new plan", "plan_migrations")
    assert ["Subscriptions", "2"] in request.facts
    assert not Job.objects.exists()
    decided = decide(request, paula)
    job = Job.objects.get()
    assert (decided.state, decided.outcome_id, job.by) == ("approved", job.pk, olga)
    assert worked(job, at=FIFTEENTH).figures["moved"] == 2
    undo = decide(ask(olga, RollBackMigration(migration_id=migration.pk)), paula)
    assert worked(Job.objects.get(pk=undo.outcome_id), at=FIFTEENTH).state == "done"


def test_customers_are_notified_once_it_is_approved(migration, olga, paula):
    type(migration).objects.update(notice_days=30)
    request = ask(olga, AnnounceMigration(migration_id=migration.pk))
    assert not Notification.objects.filter(kind="migration.announced").exists()
    decide(request, paula)
    assert Notification.objects.filter(kind="migration.announced").count() == 2


def test_another_selection_lets_the_request_lapse(migration, olga, paula):
    request = ask(olga, RunMigration(migration_id=migration.pk))
    item = MigrationItem.objects.earliest("pk")
    exclude(migration=migration, move_ids=[item.pk], at=FIFTEENTH, by=olga)
    lapsed = decide(request, paula)
    assert lapsed.state == "lapsed"
    assert "Subscriptions has changed. Then: 2" in lapsed.decision
    assert not Job.objects.exists()


def test_an_impossible_step_is_not_requested(migration, olga):
    type(migration).objects.update(notice_days=30)
    with pytest.raises(MigrationRefused, match="Notify them first"):
        ask(olga, RunMigration(migration_id=migration.pk))
    with pytest.raises(MigrationRefused, match="already planned"):
        ask(olga, RollBackMigration(migration_id=migration.pk))
    assert not ApprovalRequest.objects.exists()
