"""The figures of a month say why invoiced and earned amounts differ, and how much a lock freezes."""

from datetime import date
from decimal import Decimal as D

import pytest

from billing.job_kinds import KINDS
from billing.jobs.worker import work
from billing.models.postings import Role
from billing.revenue.month_end import lock_checked_month
from billing.revenue.month_end.month_figures import read_month_figures
from invoices.credit_notes import RequestedCredit, issue_credit_note
from invoices.payments.manual_payments import record_payment
from tests.billing.revenue.book_setup import issue_invoice, line, moment
from tests.builders import make_customer, make_seller
from tests.docs_tables import rows

pytestmark = pytest.mark.django_db
JANUARY = date(2026, 1, 1)
AT = moment("2026-03-05")


@pytest.fixture
def seller():
    """Invoice a quarter of 90.00, of which 50.00 are paid; credit 45.00 on 1 February: docs/recognition.md."""
    seller = make_seller(currency="EUR")
    customer = make_customer("acme", seller=seller)
    invoice = issue_invoice(customer, [line("90", "2026-01-01", "2026-04-01")], at="2026-01-05")
    record_payment(invoice_id=invoice.pk, amount=D(50), method="manual", reference="bank", at=moment("2026-01-20"))
    credit = [RequestedCredit(1, D(45))]
    issue_credit_note(invoice_id=invoice.pk, lines=credit, reason="late", to="balance", at=moment("2026-02-01"))
    return seller


@pytest.mark.parametrize("row", rows("closing.md", "Figures of the month"), ids=lambda row: row["month"])
def test_the_documented_months(seller, row):
    month = date.fromisoformat(f"{row['month']}-01")
    (figures,) = read_month_figures(seller, month, lock=None, at=AT).currencies
    found = {
        "invoiced": figures.invoiced,
        "credited": figures.credited,
        "deferred": figures.changes[Role.DEFERRED],
        "earned": figures.earned,
    }
    assert {name: f"{amount:.2f}" for name, amount in found.items()} == {name: row[name] for name in found}
    assert figures.other == 0
    assert figures.invoiced - figures.credited + sum(figures.changes.values()) == figures.earned


def test_cash_and_receivables_are_those_of_the_month(seller):
    (january,) = read_month_figures(seller, JANUARY, lock=None, at=AT).currencies
    assert (january.collected, january.receivables) == (D(50), D(40))


def test_a_lock_freezes_the_postings_and_sources_that_were_counted_before(seller):
    (before,) = read_month_figures(seller, JANUARY, lock=None, at=AT).freezable
    assert (before.sources, before.moved) == (2, D(171)), "the line's 90 and 31, and the payment's 50"
    lock = lock_checked_month(seller=seller, month=JANUARY, note="", by=None, at=AT)
    work(kinds=KINDS, clock=lambda: AT)
    lock.refresh_from_db()
    assert lock.postings == before.postings
    frozen = read_month_figures(seller, JANUARY, lock=lock, at=AT)
    assert frozen.freezable == []
    assert frozen.currencies[0].earned == D(31)


def test_a_month_before_the_books_has_no_figures(seller):
    assert read_month_figures(seller, date(2025, 12, 1), lock=None, at=AT).currencies == []
