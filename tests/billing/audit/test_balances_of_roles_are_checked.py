"""The audit finds frozen postings of deferred revenue and of taxes that no document explains."""

from decimal import Decimal

import pytest
from django.db import connection

from billing.audit.records.revenue import CHECKS
from invoices.amounts.totals import Tax
from tests.billing.revenue.book_setup import issue_invoice, line
from tests.billing.revenue.test_a_locked_month_is_frozen import lock
from tests.builders import make_customer

pytestmark = pytest.mark.django_db
BALANCES = {"deferred_revenue_is_earned_later", "posted_taxes_are_those_of_documents"}


@pytest.mark.parametrize(
    ("condition", "name"),
    [
        ("credit = 'deferred'", "deferred_revenue_is_earned_later"),
        ("debit = 'deferred'", "deferred_revenue_is_earned_later"),
        ("credit = 'tax'", "posted_taxes_are_those_of_documents"),
    ],
)
def test_a_changed_amount_is_found(condition, name):
    customer, taxes = make_customer(), (Tax("VAT", Decimal(19), ""),)
    issue_invoice(customer, [line("90.00", "2026-01-01", "2026-04-01", taxes=taxes)], at="2026-01-01")
    lock(customer.seller, "2026-01-01", at="2026-02-05")
    assert found() == set()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET LOCAL session_replication_role = replica")
        for table in ("billing_posting", "billing_postingsum"):
            cursor.execute(f"UPDATE {table} SET amount = amount + 1 WHERE {condition}")  # noqa: S608
    assert found() == {name}


def found():
    return {check.name for check in CHECKS if check.name in BALANCES and check.run(None).is_violated}
