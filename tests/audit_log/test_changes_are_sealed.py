"""Recorded changes are sealed into a chain: any changed, removed or added row is found and named."""

import time
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection, transaction

from access.audit_log import (
    find_broken_seals,
    find_changed_rows,
    find_gaps,
    record_erasures,
    seal_changes,
    seals,
)
from access.audit_log.sources import audited_tables
from access.models import AuditEntry, AuditErasure, AuditSeal, AuditSource
from customers.models import Customer
from lib import sql
from lib.audit_log import audited_transaction
from tests.builders import make_customer
from tests.owner_rights import past_triggers
from tests.races import PATIENCE, Pause, start

pytestmark = pytest.mark.django_db

# ruff: noqa: S608

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.fixture
def customer(db) -> Customer:
    """Return a customer whose city was changed once by ann, and seal all of it."""
    customer = make_customer("acme", city="Bonn")
    ann = User.objects.create_user("ann")
    with audited_transaction("move", by=ann, at=NOW):
        customer.city = "Köln"
        customer.save()
    seal_changes(at=NOW)
    return customer


def count_unsealed():
    recorded = sum(sql.fetch_column(f"SELECT count(*) FROM {audited.table}")[0] for audited in audited_tables())
    return recorded - AuditEntry.objects.count()


def findings():
    return [*find_broken_seals(), *find_changed_rows(), *find_gaps()]


def changes_of(customer):
    return AuditEntry.objects.filter(source="customers_customerevent", object_id=str(customer.pk)).order_by("pk")


def test_each_change_has_a_place_with_its_author_and_fields(customer):
    made, moved = changes_of(customer)
    assert (made.verb, moved.verb, moved.fields) == ("insert", "update", ["city"])
    assert (moved.user_id, moved.context["action"]) == (User.objects.get(username="ann").pk, "move")
    assert count_unsealed() == 0
    assert findings() == []


def test_seals_follow_one_another(customer):
    make_customer("beta")
    seal_changes(at=NOW)
    first, second = AuditSeal.objects.order_by("pk")
    assert (second.pk, second.previous) == (2, first.hash)
    assert seal_changes(at=NOW) == 0
    assert AuditSeal.objects.count() == 2
    assert findings() == []


def test_long_batches_are_split(customer, monkeypatch):
    monkeypatch.setattr(seals, "MOST_ENTRIES", 4)
    for number in range(9):
        make_customer(f"c{number}")
    assert seal_changes(at=NOW) >= 9
    assert AuditSeal.objects.filter(entry_count__gt=4).count() <= 1  # the first one, of the fixture
    assert count_unsealed() == 0
    assert findings() == []


DAMAGE = [
    # statement                                                                     named by the findings
    ("UPDATE customers_customerevent SET city = 'Bern' WHERE city = 'Köln'", "the row has changed"),
    ("UPDATE customers_customerevent SET pgh_created_at = now() - interval '1 year'", "the row has changed"),
    ("DELETE FROM customers_customerevent WHERE city = 'Köln'", "the row is missing"),
    ("UPDATE access_auditentry SET user_id = 999", "its entries have changed"),
    ("UPDATE access_auditentry SET context = '{}' WHERE context <> '{}'", "its entries have changed"),
    ("UPDATE access_auditentry SET fields = '{name}' WHERE fields <> '{}'", "its entries have changed"),
    ("DELETE FROM access_auditentry WHERE position = 1", "entries were removed or added"),
    ("UPDATE access_auditseal SET hash = encode(sha256('x'), 'hex')", "its entries have changed"),
]


@pytest.mark.parametrize(("statement", "problem"), DAMAGE)
def test_damage_is_found_and_named(customer, statement, problem):
    with past_triggers():
        assert sql.execute(statement) >= 1
    problems = {finding["problem"] for finding in findings()}
    assert problem in problems


def test_a_changed_row_is_named_with_its_table_and_object(customer):
    with past_triggers():
        sql.execute("UPDATE customers_customerevent SET city = 'Bern' WHERE city = 'Köln'")
    event_id = changes_of(customer).last().event_id
    (finding,) = find_changed_rows()
    assert (finding["table"], finding["id"], finding["object"]) == (
        *("customers_customerevent", event_id),
        str(customer.pk),
    )


def test_a_recomputed_chain_does_not_end_in_the_head_that_left_the_database(customer):
    """Whoever may do anything can compute new seals, but the former head is gone from the chain then."""
    head = AuditSeal.objects.latest("pk").hash
    with past_triggers():
        sql.execute("UPDATE access_auditentry SET user_id = 999")
        sql.execute(f"UPDATE access_auditseal s SET hash = (SELECT {seals.HASH} FROM access_auditentry a)", [""])
    assert list(find_broken_seals()) == []
    assert not AuditSeal.objects.filter(hash=head).exists()


@pytest.mark.django_db(transaction=True)
def test_a_row_that_is_added_later_by_another_way_is_found(customer):
    # The mark follows the oldest transaction of the server, which may belong to another test process.
    give_up_at = time.monotonic() + PATIENCE
    while not AuditSource.objects.filter(source="customers_customerevent", sealed_to__gt=0).exists():
        assert time.monotonic() < give_up_at
        make_customer()
        seal_changes(at=NOW)
    with past_triggers():
        sql.execute(
            "DELETE FROM access_auditentry WHERE source = 'customers_customerevent' AND event_id = %s",
            [changes_of(customer).first().event_id],
        )
    assert [finding["problem"] for finding in find_gaps()] == ["the row was never sealed"]


def test_an_erasure_is_recorded_and_the_row_stays_checked(customer):
    with transaction.atomic(), past_triggers():
        sql.execute("UPDATE customers_customerevent SET city = 'erased'")
        assert record_erasures(at=NOW) == 2
    seal_changes(at=NOW)
    assert AuditErasure.objects.count() == 2
    assert AuditEntry.objects.filter(verb="erased").count() == 2
    assert findings() == []
    with past_triggers():
        sql.execute("UPDATE customers_customerevent SET city = 'Bern' WHERE pgh_label = 'update'")
    assert [finding["problem"] for finding in find_changed_rows()] == ["the row has changed"]


def test_users_and_their_groups_are_recorded(db):
    ann = User.objects.create_user("ann", password="a secret")
    ann.groups.add(Group.objects.get(name="finance"))
    ann.is_superuser = True
    ann.save()
    seal_changes(at=NOW)
    sources = dict(AuditEntry.objects.values_list("source", "verb").distinct())
    assert {"access_userchange", "access_membershipchange"} <= set(sources)
    (change,) = AuditEntry.objects.filter(source="access_userchange", verb="update")
    assert change.fields == ["is_superuser"]
    columns = sql.fetch_column(
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'access_userchange'"
    )
    assert "password" not in columns


@pytest.mark.django_db(transaction=True)
def test_a_change_that_commits_late_is_sealed_later():
    """Its id is lower than that of changes that were sealed before."""
    make_customer("first")  # with the seller that all of them have
    pause = Pause()

    def change_slowly():
        with transaction.atomic():
            make_customer("slow")
            pause.wait_here()

    slow = start(change_slowly)
    pause.await_arrival()
    for name in ("a", "b", "c", "d"):
        make_customer(name)
        seal_changes(at=NOW)
        seal_changes(at=NOW)
    pause.release()
    slow.result()
    assert count_unsealed() > 0
    seal_changes(at=NOW)
    assert count_unsealed() == 0
    assert findings() == []


@pytest.mark.django_db(transaction=True)
def test_one_process_seals_at_a_time():
    make_customer("acme")
    with transaction.atomic():
        sql.execute("SELECT pg_advisory_xact_lock(hashtextextended('audit log', 0))")
        assert start(lambda: seal_changes(at=NOW)).result() == 0
    assert start(lambda: seal_changes(at=NOW)).result() > 0
    assert findings() == []
    connection.close()
