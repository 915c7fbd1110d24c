"""A lock freezes a month's postings; later changes are booked in the first open month: docs/postings.md."""

from datetime import date

import pytest

from billing.job_kinds import KINDS
from billing.jobs import worker
from billing.models import Posting, PostingSum
from billing.revenue.month_end.month_freeze import start_freezing
from invoices.documents.locked_months import lock_month
from tests.billing.revenue.book_setup import changes, issue_invoice, line, moment
from tests.builders import make_customer

pytestmark = pytest.mark.django_db


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
