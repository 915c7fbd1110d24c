"""
A plan migration is planned, previewed, run and rolled back on its page, each step confirmed and with a permission.
"""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from access.models import ApprovalRequest, ApprovalRule
from billing.admin.jobs import worker_wakeup
from billing.job_kinds import KINDS
from billing.jobs.worker import work
from billing.models import MigrationItem, PlanMigration
from billing.subscriptions import generate_periods
from lib.task_clock import database_time
from plans.models import Plan
from tests.billing.plan_migrations.migration_setup import make_version
from tests.builders import make_customer, subscribe

LIST = "/admin/billing/planmigration/"
PLAN = f"{LIST}plan/"


@pytest.fixture(autouse=True)
def subscriptions(db, monkeypatch):
    monkeypatch.setattr(worker_wakeup.run_jobs, "delay", lambda: None)
    old, began = make_version("old"), database_time() - timedelta(days=40)
    for name in ("acme", "beta"):
        subscribe(make_customer(name, legal_name=f"{name.title()} Ltd"), old, began, external_id=f"s-{name}")
    generate_periods(until=database_time() + timedelta(hours=2))


def plan(client, **fields):
    arguments = {
        "title": "To new",
        "when": "now",
        "overrides": "keep",
        "version": make_version("new", monthly="62").pk,
    }
    return client.post(PLAN, {**arguments, **fields})


def planned(client, **fields) -> PlanMigration:
    answer = plan(client, plan=Plan.objects.get(code="old").pk, **fields)
    assert answer.status_code == 302, answer.content.decode()
    return PlanMigration.objects.latest("pk")


def shown(client, migration):
    return client.get(f"{LIST}{migration.pk}/change/").content.decode()


def post_step(client, migration, step):
    return client.post(f"{LIST}{migration.pk}/do/{step}/", follow=True).content.decode()


def run_jobs_now():
    work(kinds=KINDS, clock=database_time)


def test_it_is_planned_previewed_run_and_rolled_back(member):
    client = member("operations")
    migration = planned(client)
    assert "Preview" in shown(client, migration)
    post_step(client, migration, "preview")
    run_jobs_now()
    assert "Invoices at the switch" in shown(client, migration)
    assert "Move 2" in client.get(f"{LIST}{migration.pk}/do/run/").content.decode()
    post_step(client, migration, "run")
    run_jobs_now()
    assert MigrationItem.objects.filter(state="moved").count() == 2
    assert "as if they had never moved" in client.get(f"{LIST}{migration.pk}/do/roll_back/").content.decode()
    post_step(client, migration, "roll_back")
    run_jobs_now()
    assert MigrationItem.objects.filter(state="undone").count() == 2
    assert "Rolled back" in shown(client, migration)


def test_ids_are_read_from_a_file_and_unknown_ids_are_listed(member):
    client = member("operations")
    file = SimpleUploadedFile("who.csv", b"id\ns-acme\nnobody\n")
    assert plan(client, file=file).status_code == 302
    page = shown(client, PlanMigration.objects.get())
    assert "nobody" in page
    assert "No subscription or customer has this ID." in page
    assert MigrationItem.objects.get().subscription.external_id == "s-acme"


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({}, "Choose a plan, or enter"),
        ({"ids": "nobody"}, "No active subscription matches"),
        ({"ids": "s-acme", "when": "date"}, "Enter the date"),
        ({"ids": "s-acme", "rate": "100"}, "Enter both units"),
        ({"ids": "s-acme", "versions": "one"}, "Enter version numbers"),
    ],
)
def test_an_error_is_shown_on_the_form_and_keeps_its_fields(member, fields, why):
    page = plan(member("operations"), **fields)
    assert page.status_code == 200
    assert why in page.content.decode()
    assert 'value="To new"' in page.content.decode()


def test_single_subscriptions_are_excluded(member):
    client = member("operations")
    planned(client)
    first = MigrationItem.objects.first()
    client.post("/admin/billing/migrationitem/", {"action": "leave_out", "_selected_action": [first.pk]})
    first.refresh_from_db()
    assert first.state == "excluded"


def test_a_second_person_approves(member):
    ApprovalRule.objects.filter(kind="plan_migrations").update(is_required=True)
    asker, approver = member("operations"), member("finance approver")
    migration = planned(asker)
    post_step(asker, migration, "run")
    assert "Awaiting approval" in shown(asker, migration)
    request = ApprovalRequest.objects.get()
    approver.post(f"/admin/access/approvalrequest/{request.pk}/approve/")
    migration.refresh_from_db()
    assert migration.state == "begun"
    assert 'id="run"' not in shown(approver, migration)


@pytest.mark.parametrize("step", ["preview", "run", "roll_back", "discard"])
def test_support_is_read_only(member, step):
    migration = planned(member("operations"))
    client = member("support")
    assert 'id="run"' not in shown(client, migration)
    assert client.post(f"{LIST}{migration.pk}/do/{step}/").status_code == 403
    assert client.get(PLAN).status_code == 403


def test_its_pages_run_a_fixed_number_of_queries(member):
    client = member("operations")
    migration = planned(client)
    pages = [LIST, f"{LIST}{migration.pk}/change/", "/admin/billing/migrationitem/"]
    counts = [_query_count(client, page) for page in pages]
    old = MigrationItem.objects.first().from_version
    for number in range(5):
        subscription = subscribe(make_customer(), old, database_time())
        MigrationItem.objects.create(
            migration=migration, subscription=subscription, from_version=old, problem=f"Why {number}"
        )
    assert [_query_count(client, page) for page in pages] == counts


def _query_count(client, page):
    client.get(page)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(page).status_code == 200
    return len(captured)


MATCHES = [
    ({}, ["Choose a plan, or enter subscriptions or customers."]),
    ({"plan": "old"}, ["<strong>2</strong> subscriptions match.", "Acme Ltd, Beta Ltd"]),
    ({"ids": "acme"}, ["<strong>1</strong> subscription matches."]),
    ({"plan": "other", "ids": "acme"}, ["<strong>0</strong> subscriptions match.", "On Old, not Other."]),
    ({"plan": "old", "currency": "EUR"}, ["<strong>2</strong> don't:", "In USD, not EUR."]),
    ({"ids": "acme nobody"}, ["1 unknown ID: nobody"]),
    ({"plan": "old", "versions": "one"}, ["Enter version numbers separated by commas."]),
]


@pytest.mark.parametrize(("fields", "texts"), MATCHES)
def test_the_form_counts_whom_the_selection_matches(member, fields, texts):
    make_version("other")
    typed = dict(fields)
    if "plan" in typed:
        typed["plan"] = Plan.objects.get(code=typed["plan"]).pk
    page = member("operations").post(f"{PLAN}matches/", typed).content.decode()
    for text in texts:
        assert text in page, page
    assert not PlanMigration.objects.exists()


def test_the_count_takes_the_same_queries_for_many_subscriptions(member):
    client, other = member("operations"), make_version("other")
    fields = {"plan": Plan.objects.get(code="old").pk, "currency": "EUR"}
    counts = []
    for names in ((), ("c", "d", "e")):
        for name in names:
            subscribe(make_customer(name), Plan.objects.get(code="old").versions.get())
            subscribe(make_customer(f"{name}-2"), other)
        with CaptureQueriesContext(connection) as captured:
            client.post(f"{PLAN}matches/", fields)
        counts.append(len(captured))
    assert counts[1] <= counts[0]
