"""The audit finds postings that no document, line, purchase or accrual explains, by the balances of their roles."""

from decimal import Decimal

import pytest
from django.db import connection

from billing.audit.records.role_balances import CHECKS
from billing.audit.shared_reads import Books
from invoices.amounts.totals import Tax
from tests.billing.revenue.book_setup import issue_invoice, line
from tests.billing.revenue.test_a_locked_month_is_frozen import lock
from tests.builders import make_customer
from tests.owner_rights import past_triggers

pytestmark = pytest.mark.django_db


@pytest.fixture
def locked_books():
    customer, taxes = make_customer(), (Tax("VAT", Decimal(19), ""),)
    issue_invoice(customer, [line("90.00", "2026-01-01", "2026-04-01", taxes=taxes)], at="2026-01-01")
    lock(customer.seller, "2026-01-01", at="2026-02-05")
    assert found() == set()


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        (
            "debit = 'receivable' AND credit = 'deferred'",
            {
                "balances_of_roles_equal_their_tables",
                "deferred_revenue_is_earned_later",
                "postings_of_a_month_are_those_of_its_documents",
            },
        ),
        ("debit = 'deferred'", {"deferred_revenue_is_earned_later"}),
        (
            "credit = 'tax'",
            {"balances_of_roles_equal_their_tables", "postings_of_a_month_are_those_of_its_documents"},
        ),
    ],
)
def test_a_changed_frozen_amount_is_found(locked_books, condition, names):
    change_frozen(f"amount = amount + 1 WHERE {condition}")

    assert found() == names


def change_frozen(change: str) -> None:
    with past_triggers(), connection.cursor() as cursor:
        for table in ("billing_posting", "billing_postingsum"):
            cursor.execute(f"UPDATE {table} SET {change}")  # noqa: S608


def found():
    books = Books()
    return {check.name for check in CHECKS if check.run(books).is_violated}
