"""
No column of the project's tables takes NaN or infinity: a constraint refuses them, or a sum that the audit checks.

PostgreSQL sorts NaN above every number, so each bound of a CHECK constraint that is an upper one excludes it.
"""

import pytest
from django.db import connection

from billing.audit.records.schema_checks import our_models
from tests.clean_books import BooksNotClean, assert_clean
from tests.db_refusals import refused_by
from tests.owner_rights import past_triggers

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("full_books")]

_COLUMNS = """
    SELECT table_name, column_name FROM information_schema.columns
    WHERE table_name = ANY(%s) AND data_type = 'numeric' ORDER BY 1, 2
"""

KEPT_BY_A_SUM = {
    "billing_drawdown.refused": "drawdowns_equal_their_wallet_transactions",
    "invoices_balanceentry.after": "customer_balances_equal_the_sum_of_their_entries",
    "wallets_wallet.debt_held": "held_units_belong_to_open_holds",
}
"""Column → the check of the audit that finds NaN in it."""


def test_a_constraint_or_a_sum_refuses_nan_and_infinity():
    tables = [model._meta.db_table for model in our_models() if not hasattr(model, "pgh_tracked_model")]
    accepted = set()
    with connection.cursor() as cursor:
        cursor.execute(_COLUMNS, [tables])
        columns = [column for column in cursor.fetchall() if column[0] != "billing_rollup"]
    with past_triggers():  # which would refuse most changes before a constraint is evaluated
        for table, column in columns:
            for number in ("NaN", "Infinity", "-Infinity"):
                if refused_by(f"UPDATE {table} SET {column} = '{number}'") == "nothing":  # noqa: S608
                    accepted.add(f"{table}.{column}")

    assert accepted == set(KEPT_BY_A_SUM)


@pytest.mark.parametrize("column", KEPT_BY_A_SUM)
def test_the_sum_finds_nan(column):
    table, _, name = column.partition(".")
    with past_triggers(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {name} = 'NaN'")  # noqa: S608

    with pytest.raises(BooksNotClean, match=KEPT_BY_A_SUM[column]):
        assert_clean(names=[KEPT_BY_A_SUM[column]])
