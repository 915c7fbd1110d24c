"""The audit passes on books made by the product's own operations, and these books have rows in every table."""

import pytest
from django.core.management import call_command
from django.db import connection

from billing.audit.records.schema_checks import our_models
from tests.clean_books import assert_clean
from tests.owner_rights import past_triggers

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("full_books")]


def test_full_books_are_clean():
    assert_clean()

    assert empty_tables() == set()


def empty_tables():
    """Return our tables without a row: checks of an empty table would prove nothing."""
    tables = set()
    with connection.cursor() as cursor:
        for model in our_models():
            if not hasattr(model, "pgh_tracked_model"):
                cursor.execute(f"SELECT count(*) FROM {model._meta.db_table}")  # noqa: S608
                if not cursor.fetchone()[0]:
                    tables.add(model._meta.db_table)
    return tables


def test_the_commands_exit_status_is_the_number_of_violated_checks(capsys):
    with past_triggers(), connection.cursor() as cursor:
        cursor.execute("UPDATE invoices_numberseries SET last_number = last_number + 1")
        cursor.execute("UPDATE customers_seller SET net_days = net_days + 1")

    with pytest.raises(SystemExit) as status:
        call_command("audit")

    output = capsys.readouterr().out
    assert status.value.code == output.count("FAILED") == 2
    assert "invoice numbers have no gaps or duplicates" in output
