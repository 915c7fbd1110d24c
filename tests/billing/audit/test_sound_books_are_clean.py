"""Books that the product's own operations made are clean, and everything that can be wrong with books is in them."""

import json

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from billing.audit import CHECKS, assert_clean
from billing.audit.records.schema_checks import our_models
from tests.billing.audit.books import make_books

pytestmark = pytest.mark.django_db


def test_empty_books_are_clean():
    assert_clean()


def test_full_books_are_clean():
    make_books()

    assert_clean()

    assert empty_tables() == set()


def empty_tables():
    """Return our tables without a row: what is checked of them would be checked of nothing."""
    found = set()
    with connection.cursor() as cursor:
        for model in our_models():
            if not hasattr(model, "pgh_tracked_model"):
                cursor.execute(f"SELECT count(*) FROM {model._meta.db_table}")  # noqa: S608
                if not cursor.fetchone()[0]:
                    found.add(model._meta.db_table)
    return found


def test_there_are_enough_checks_and_each_has_a_name_of_its_own():
    assert len(CHECKS) >= 30
    assert len({check.name for check in CHECKS}) == len(CHECKS)


def test_the_command_answers_with_a_document(capsys):
    call_command("audit", "--json")

    found = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in found] == [check.name for check in CHECKS]
    assert not any(one["is_violated"] for one in found)


def test_the_command_runs_one_check(capsys):
    call_command("audit", "--only", "periods_of_a_subscription_tile")

    assert "1 of 1 promises are kept" in capsys.readouterr().out


def test_a_check_nobody_knows_is_refused():
    with pytest.raises(CommandError, match="not a check"):
        call_command("audit", "--only", "everything_is_fine")


def test_the_commands_status_is_the_number_of_broken_promises(capsys):
    make_books()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE invoices_numberseries SET last_number = last_number + 1")
        cursor.execute("UPDATE customers_seller SET net_days = net_days + 1")

    with pytest.raises(SystemExit) as status:
        call_command("audit")

    told = capsys.readouterr().out
    assert status.value.code == told.count("BROKEN") == 2
    assert "numbers have no gap and no repeat" in told
