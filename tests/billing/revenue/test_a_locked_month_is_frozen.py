"""A lock freezes a month's postings; later changes are booked in the first open month: docs/postings.md."""

from datetime import date
from decimal import Decimal

import pytest

from billing.job_kinds import KINDS
from billing.jobs import worker
from billing.models import Posting, PostingSum
from billing.revenue.month_end.month_freeze import start_freezing
from billing.revenue.reports.registry import REPORTS, read_report
from invoices.amounts.totals import Tax
from invoices.credit_notes import issue_credit_note
from invoices.credit_notes.credit_note import RequestedCredit
from invoices.documents.locked_months import lock_month
from lib import sql
from tests.billing.revenue.book_setup import changes, issue_invoice, line, moment
from tests.builders import make_customer

pytestmark = pytest.mark.django_db
D = Decimal
NOTED = moment("2026-01-16")


def lock(seller, month: str, *, at: str):
    month_lock = lock_month(
        seller=seller, month=date.fromisoformat(month), checklist=[], note="", by=None, at=moment(at)
    )
    start_freezing(month_lock, by=None, at=moment(at))
    worker.work(kinds=KINDS, clock=lambda: moment(at))
    month_lock.refresh_from_db()
    return month_lock


def test_the_postings_of_the_month_are_stored_with_their_sum_and_digest():
    customer = make_customer()
    issue_invoice(customer, [line("90.00", "2026-01-01", "2026-04-01")], at="2026-01-01")
    month_lock = lock(customer.seller, "2026-01-01", at="2026-02-05")
    assert month_lock.frozen_at is not None
    assert month_lock.postings == 2
    assert sorted(Posting.objects.values_list("debit", "credit", "amount")) == [
        ("deferred", "revenue", 31),
        ("receivable", "deferred", 90),
    ]
    assert PostingSum.objects.filter(lock=month_lock).count() == 2
    assert changes(customer.seller, "revenue", at="2026-03-10") == {"2026-02": "28.00", "2026-03": "9.00"}


def test_the_planner_knows_how_many_postings_were_frozen():
    """Otherwise it loops over them, and the lock of the next month takes hours."""
    customer = make_customer()
    issue_invoice(customer, [line("31.00", "2026-01-15", "2026-02-15")], at="2026-01-15")
    frozen = lock(customer.seller, "2026-01-01", at="2026-02-05")
    ((known,),) = sql.fetch_rows("SELECT reltuples FROM pg_class WHERE relname = 'billing_posting_2026_01'")
    assert known == frozen.postings > 0


def test_a_later_line_of_a_locked_month_is_booked_in_the_first_open_one():
    customer = make_customer()
    issue_invoice(customer, [line("10.00", "2026-01-01", "2026-02-01")], at="2026-01-01")
    lock(customer.seller, "2026-01-01", at="2026-02-05")
    issue_invoice(customer, [line("31.00", "2026-01-15", "2026-02-15")], at="2026-02-15")
    assert changes(customer.seller, "revenue", at="2026-03-10") == {"2026-02": "31.00"}
    lock(customer.seller, "2026-02-01", at="2026-03-05")
    assert changes(customer.seller, "revenue", at="2026-03-10") == {}
    assert list(
        Posting.objects.filter(month=date(2026, 2, 1), service_month=date(2026, 1, 1)).values_list("amount")
    ) == [(17,)]


def test_a_credit_note_of_the_last_minutes_before_the_lock_stays_frozen():
    """Invoices of the ten minutes before a lock are computed again, and notes with them."""
    customer = make_customer()
    invoice = issue_invoice(customer, [line("90.00", "2026-01-01", "2026-04-01")], at="2026-01-01")
    issue_credit_note(
        invoice_id=invoice.pk,
        lines=[RequestedCredit(1, D("45.00"))],
        reason="agreed",
        to="offset",
        at=moment("2026-01-31T23:57"),
    )
    lock(customer.seller, "2026-01-01", at="2026-02-01T00:01")
    assert Posting.objects.get(debit="credit_notes").amount == D("15.50")
    assert changes(customer.seller, "credit_notes", at="2026-03-10") == {}
    assert changes(customer.seller, "revenue", at="2026-03-10") == {"2026-02": "14.00", "2026-03": "4.50"}


def test_the_trial_balance_of_all_months_has_what_the_locked_ones_froze():
    customer = make_customer()
    invoice = issue_invoice(customer, [line("90.00", "2026-01-01", "2026-04-01")], at="2026-01-01")
    issue_credit_note(
        invoice_id=invoice.pk, lines=[RequestedCredit(1, D("45.00"))], reason="agreed", to="offset", at=NOTED
    )
    lock(customer.seller, "2026-01-01", at="2026-02-05")
    report = read_report(
        "trial-balance", customer.seller, currency="EUR", at=moment("2026-03-01"), since=date(2026, 1, 1)
    )
    closing = {row.values["role"]: row.values["closing"] for row in report.rows}
    assert closing["credit notes"] == D("7.50")  # 15 of 90 days of 45.00
    assert closing["revenue"] == -D("31.00") + D("8.00") - D("14.00")


def test_the_trial_balance_contains_late_changes_of_locked_months():
    """The months that it shows are not those of the last lock."""
    customer = make_customer()
    issue_invoice(customer, [line("10.00", "2026-01-01", "2026-02-01")], at="2026-01-01")
    lock(customer.seller, "2026-01-01", at="2026-02-05")
    issue_invoice(customer, [line("31.00", "2026-01-15", "2026-02-15")], at="2026-02-15")
    report = read_report("trial-balance", customer.seller, currency="EUR", at=moment("2026-03-10"))
    closing = {str(row.values["role"]): row.values["closing"] for row in report.rows}
    assert closing["revenue"] == -41
    assert closing["deferred revenue"] == 0


def test_a_lock_changes_no_figure_of_a_report():
    """Locked months are read from sums, in which amounts of both signs are one."""
    customer, at = make_customer(), moment("2026-03-10")
    vat = (Tax("VAT", D(19), ""),)
    sold = issue_invoice(customer, [line("90.00", "2026-01-01", "2026-04-01", taxes=vat)], at="2026-01-01")
    issue_invoice(
        customer,
        [line("-20.00", "2026-01-10", "2026-02-10"), line("31.00", "2026-01-01", "2026-02-01")],
        at="2026-01-12",
    )
    issue_credit_note(
        invoice_id=sold.pk, lines=[RequestedCredit(1, D("45.00"))], reason="agreed", to="balance", at=NOTED
    )
    seller = customer.seller
    figures = {
        code: [row.values for row in read_report(code, seller, currency="EUR", at=at).rows] for code in REPORTS
    }
    january = {"since": date(2026, 1, 1), "until": date(2026, 1, 1)}
    balance = [row.values for row in read_report("trial-balance", seller, currency="EUR", at=at, **january).rows]
    assert figures["tax"][0]["invoiced"] == D("17.10")
    assert figures["tax"][0]["credited"] == D("-8.55")
    lock(seller, "2026-01-01", at="2026-02-05")
    lock(seller, "2026-02-01", at="2026-03-05")
    for code, rows in figures.items():
        assert [row.values for row in read_report(code, seller, currency="EUR", at=at).rows] == rows, code
    assert [
        row.values for row in read_report("trial-balance", seller, currency="EUR", at=at, **january).rows
    ] == balance
