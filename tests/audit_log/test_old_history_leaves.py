"""History leaves once its retention is over, and the chain still finds any change that was removed otherwise."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pghistory.core
import pytest
from django.contrib.auth.models import User

from access.audit_log import (
    find_broken_seals,
    find_changed_rows,
    find_gaps,
    removal,
    remove_old_history,
    seal_changes,
)
from access.models import AuditEntry, AuditRemoval
from customers.models import Contact, Customer
from lib import sql
from lib.audit_log import audited_transaction
from tests.builders import make_customer
from tests.clean_books import assert_clean
from tests.killed_processes import kill_at
from tests.owner_rights import as_application, past_triggers

pytestmark = pytest.mark.django_db


DAYS = 400


@pytest.fixture(autouse=True)
def history_is_kept_for_a_time(settings):
    settings.HISTORY_RETENTION_DAYS = DAYS


@pytest.fixture
def contact(db) -> Contact:
    """Return a contact whose name was changed twice, for reasons of their own; all of it is sealed."""
    contact = Contact.objects.create(customer=make_customer("acme"), email="bea@customer.example", name="first")
    for name in ("second", "third"):
        change(contact, name)
    seal_changes(at=now())
    return contact


def now() -> datetime:
    return datetime.now(UTC)


def change(contact: Contact, name: str) -> None:
    with audited_transaction(
        "rename", by=User.objects.get_or_create(username="ann")[0], at=now(), reason=f"to {name}"
    ):
        contact.name = name
        contact.save()


def names() -> list[str]:
    return sql.fetch_column("SELECT name FROM customers_contactevent ORDER BY pgh_id")


def findings() -> list[dict]:
    return [*find_broken_seals(), *find_changed_rows(), *find_gaps()]


TIMES = [
    # days later, the recorded names, why
    (DAYS - 1, ["first", "second", "third"], "the retention is not over"),
    (DAYS + 1, ["third"], "the state that still holds stays"),
]


@pytest.mark.parametrize(("days", "left", "why"), TIMES)
def test_changes_leave_at_their_time_except_the_last(contact, days, left, why):
    remove_old_history(at=now() + timedelta(days=days))

    assert names() == left, why
    seal_changes(at=now())
    assert findings() == []
    assert_clean("schema", "access")


def test_without_a_setting_history_stays_permanently(contact, settings):
    settings.HISTORY_RETENTION_DAYS = 0

    assert remove_old_history(at=now() + timedelta(days=10_000)) == 0
    assert names() == ["first", "second", "third"]


def test_the_state_that_held_at_the_limit_stays(contact):
    """A change before the limit and one after it: the former holds at the limit."""
    with past_triggers():
        sql.execute(
            "UPDATE customers_contactevent SET pgh_created_at = now() - interval '500 days' WHERE name <> 'third'"
        )

    remove_old_history(at=now())

    assert names() == ["second", "third"]


def test_the_history_of_a_deleted_row_leaves_with_its_deletion(contact):
    contact.delete()
    seal_changes(at=now())

    remove_old_history(at=now() + timedelta(days=DAYS + 1))

    assert names() == []
    assert findings() == []
    assert_clean("schema")


def test_the_reasons_of_changes_leave_with_them(contact):
    reasons = "SELECT metadata ->> 'reason' FROM pghistory_context WHERE metadata ? 'reason' ORDER BY 1"
    assert sql.fetch_column(reasons) == ["to second", "to third"]

    remove_old_history(at=now() + timedelta(days=DAYS + 1))

    assert sql.fetch_column(reasons) == ["to third"]


def test_the_chain_keeps_the_author_and_the_digest(contact):
    before = list(AuditEntry.objects.order_by("pk").values())

    remove_old_history(at=now() + timedelta(days=DAYS + 1))

    assert list(AuditEntry.objects.order_by("pk").values()) == before
    assert AuditRemoval.objects.get(source="customers_contactevent").event_ids == sql.fetch_column(
        "SELECT event_id FROM access_auditentry WHERE source = 'customers_contactevent' ORDER BY event_id LIMIT 2"
    )


def test_a_change_that_is_not_sealed_stays(contact):
    change(contact, "fourth")
    change(contact, "fifth")

    remove_old_history(at=now() + timedelta(days=DAYS + 1))

    assert names() == ["fourth", "fifth"]


def test_history_that_reports_and_the_audit_read_stays():
    customer = make_customer("acme", city="Bonn")
    Customer.objects.filter(pk=customer.pk).update(city="Köln")
    seal_changes(at=now())

    remove_old_history(at=now() + timedelta(days=10_000))

    assert sql.fetch_column("SELECT city FROM customers_customerevent ORDER BY pgh_id") == ["Bonn", "Köln"]
    tables = {history._meta.db_table for history in removal.removable_histories()}
    assert set(removal.KEPT_TABLES) <= {history._meta.db_table for history in pghistory.core.event_models()} - tables


def test_a_change_that_was_removed_otherwise_is_found(contact):
    remove_old_history(at=now() + timedelta(days=DAYS + 1))
    seal_changes(at=now())
    with past_triggers():
        assert sql.execute("DELETE FROM customers_contactevent WHERE name = 'third'") == 1

    assert [finding["problem"] for finding in findings()] == ["the row is missing"]


def test_a_removal_that_was_recorded_for_a_younger_change_is_found(contact):
    with past_triggers():
        (event_id,) = sql.fetch_column("SELECT pgh_id FROM customers_contactevent WHERE name = 'second'")
        sql.execute("DELETE FROM customers_contactevent WHERE name = 'second'")
    at = now()
    AuditRemoval.objects.create(
        source="customers_contactevent", event_ids=[event_id], before=at - timedelta(days=DAYS), at=at
    )

    assert "the row is missing" in [finding["problem"] for finding in findings()]


def test_a_worker_has_the_rights_to_remove_history(contact):
    with as_application():
        assert remove_old_history(at=now() + timedelta(days=DAYS + 1)) >= 2


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_next_run_repeats_the_batch_of_a_killed_worker(contact, tmp_path: Path):
    later = now() + timedelta(days=DAYS + 1)
    kill_at("history_removal.before_commit", lambda: remove_old_history(at=later), tmp_path)
    assert names() == ["first", "second", "third"]

    remove_old_history(at=later)

    assert names() == ["third"]
    seal_changes(at=now())
    assert findings() == []
