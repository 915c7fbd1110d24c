"""After a lock, old lines are left out before they are joined to anything; none of them has anything left to post."""

from decimal import Decimal

import pytest

from invoices.amounts.totals import Tax
from invoices.credit_notes import issue_credit_note
from invoices.credit_notes.credit_note import RequestedCredit
from tests.billing.revenue.book_setup import changes, issue_invoice, line, moment
from tests.billing.revenue.test_a_locked_month_is_frozen import lock
from tests.builders import fee, make_customer, make_plan, publish

pytestmark = pytest.mark.django_db

D = Decimal
JANUARY, FEBRUARY = "2026-01-01", "2026-02-01"
VAT = (Tax("VAT", D(19), ""),)


def fee_over_months(customer):
    """Its service ended in January, and it is earned until June."""
    setup = fee("120", kind="one_time", code="setup", recognition="months", recognition_months=6)
    stored = publish(make_plan(fees=[setup])).fees.get()
    issue_invoice(customer, [line("120.00", JANUARY, "2026-01-10", kind="fee", fee_id=stored.pk)], at=JANUARY)


def fee_that_ends_before_it_starts(customer):
    issue_invoice(customer, [line("50.00", "2026-03-05", "2026-01-05")], at="2026-01-05")


def lines_of_many_lengths_with_tax_included(customer):
    """The nets of an invoice's lines follow from each other, those of old lines included."""
    lines = [
        line("10.01", JANUARY, "2026-01-20", taxes=VAT),
        line("33.33", JANUARY, FEBRUARY, taxes=VAT),
        line("100.07", JANUARY, "2027-01-01", taxes=VAT),
    ]
    issue_invoice(customer, lines, at=JANUARY, includes_tax=True)


def credit_of_an_old_line(customer):
    invoice = issue_invoice(customer, [line("90.00", JANUARY, "2026-01-31")], at=JANUARY)
    issue_credit_note(
        invoice_id=invoice.pk,
        lines=[RequestedCredit(1, D("45.00"))],
        reason="agreed",
        to="offset",
        at=moment("2026-03-05"),
    )


@pytest.mark.parametrize(
    "sell",
    [
        fee_over_months,
        fee_that_ends_before_it_starts,
        lines_of_many_lengths_with_tax_included,
        credit_of_an_old_line,
    ],
)
def test_what_is_left_of_old_lines_is_posted_in_open_months(sell):
    customer = make_customer()
    issue_invoice(customer, [line("31.00", JANUARY, FEBRUARY)], at=JANUARY)
    sell(customer)
    at = "2026-07-01"
    roles = ("revenue", "deferred", "unbilled", "receivable", "credit_notes", "tax")
    before = {role: changes(customer.seller, role, at=at) for role in roles}
    assert any("2026-03" in by_month for by_month in before.values()), "nothing is left to post"
    for month, day in ((JANUARY, "2026-02-05"), (FEBRUARY, "2026-03-01T00:05")):
        lock(customer.seller, month, at=day)
    open_months = {
        role: {month: amount for month, amount in by_month.items() if month > "2026-02"}
        for role, by_month in before.items()
    }
    assert {role: changes(customer.seller, role, at=at) for role in roles} == open_months
