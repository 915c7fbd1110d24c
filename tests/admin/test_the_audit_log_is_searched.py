"""The audit log is searched by person, object, field and time, read in pages, and downloaded."""

import csv
import io
import json
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from access.audit_log import record_account_event, seal_changes
from access.models import AuditEntry, AuditSeal
from config.admin_site.history import pages
from lib.audit_log import audited_transaction
from tests.builders import make_customer

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.fixture
def ann(db):
    return User.objects.create_user("ann", is_staff=True)


@pytest.fixture
def moved(ann):
    """Return a customer that ann moved to Köln, and seal it."""
    customer = make_customer("acme", city="Bonn", legal_name="=Acme")
    with audited_transaction("move", by=ann, at=NOW, reason="a letter"):
        customer.city = "Köln"
        customer.save()
    seal_changes(at=timezone.now())
    return customer


def text_of(client, **query):
    response = client.get("/admin/changes/", query)
    assert response.status_code == 200
    return response.content.decode()


def found(client, **query):
    """Return whether the change of the city is on the page."""
    return "<ins>Köln</ins>" in text_of(client, **query)


def test_the_search_narrows_by_each_field(member, moved, ann):
    client = member("support")
    other = User.objects.exclude(pk=ann.pk).filter(is_staff=True).first()
    today = f"{timezone.now():%Y-%m-%d}"
    assert found(client)
    for query in (
        {"person": ann.pk},
        {"kind": "customers_customerevent", "number": moved.pk},
        {"field": "city"},
        {"field": "City", "person": ann.pk, "since": today, "until": today},
    ):
        assert found(client, **query), query
    for query in (
        {"person": other.pk},
        {"kind": "plans_planevent"},
        {"number": moved.pk + 1},
        {"field": "legal name"},
        {"since": "2999-01-01"},
        {"until": "2020-01-01"},
    ):
        assert not found(client, **query), query


def test_a_wrong_date_is_reported(member, moved):
    assert "Enter a valid date" in text_of(member("support"), since="yesterday")


def test_pages_follow_one_another(member, moved, monkeypatch):
    monkeypatch.setattr(pages, "LATEST", 3)
    client, seen, before = member("support"), 0, ""
    while True:
        response = client.get("/admin/changes/", {"kind": "customers_customerevent", "before": before})
        seen += sum(len(entry.changes) for entry in response.context["entries"])
        before = response.context["before"]
        if before is None:
            break
        make_customer()
    assert seen == AuditEntry.objects.filter(source="customers_customerevent").count() == 2


def test_only_tables_that_the_user_may_see_are_found(member, moved, ann):
    record_account_event("signed_in", request=None, user=ann)
    seal_changes(at=timezone.now())
    assert "signed in" not in text_of(member("support"))
    ann.groups.clear()
    client = Client()
    client.force_login(ann)
    assert not found(client)


def test_sign_ins_and_changes_of_users_are_shown_to_administrators(client, ann):
    root = User.objects.create_superuser("root")
    client.force_login(root)
    record_account_event("signed_in", request=None, user=ann, way="password + mfa")
    ann.groups.add(Group.objects.get(name="finance"))
    seal_changes(at=timezone.now())
    page = text_of(client)
    for part in ("signed in, password + mfa", "finance"):
        assert part in page


def test_files_hold_old_and_new_values_with_their_seal(member, moved):
    client = member("support")
    query = {"field": "city"}
    rows = list(csv.DictReader(io.StringIO(b"".join(client.get("/admin/changes/csv/", query)).decode())))
    assert [(row["user"], row["action"], row["field"], row["old"], row["new"]) for row in rows] == [
        ("ann", "move", "city", "Bonn", "Köln")
    ]
    (line,) = [json.loads(line) for line in b"".join(client.get("/admin/changes/jsonl/", query)).splitlines()]
    entry = AuditEntry.objects.get(fields=["city"])
    assert (line["changes"], line["reason"], line["digest"], line["seal"]) == (
        *({"city": ["Bonn", "Köln"]}, "a letter", entry.digest),
        AuditSeal.objects.latest("pk").pk,
    )


def test_a_file_escapes_formulas(member, moved):
    content = b"".join(member("support").get("/admin/changes/csv/", {"kind": "customers_customerevent"})).decode()
    assert "'=Acme" in content


def test_an_unknown_kind_of_file_does_not_exist(member, moved):
    assert member("support").get("/admin/changes/xml/").status_code == 404


def test_a_page_runs_a_fixed_number_of_queries(member, moved, django_assert_max_num_queries):
    client = member("support")
    for number in range(40):
        make_customer(f"c{number}")
    seal_changes(at=timezone.now())
    with django_assert_max_num_queries(30):
        text_of(client, kind="customers_customerevent")
