"""Once a month's postings are frozen, the users who can lock months of its seller get one email with its figures."""

from datetime import date
from decimal import Decimal as D

import pytest

from billing.job_kinds import KINDS
from billing.jobs.worker import work
from billing.revenue.month_end import lock_checked_month
from customers.models import StaffSeller
from invoices.payments.manual_payments import record_payment
from tests.billing.revenue.book_setup import issue_invoice, line, moment
from tests.builders import make_customer, make_seller
from tests.customers.notifications.staff import make_staff

pytestmark = pytest.mark.django_db
AT = moment("2026-03-05")


@pytest.fixture
def seller():
    seller = make_seller(currency="EUR")
    customer = make_customer("acme", seller=seller)
    invoice = issue_invoice(customer, [line("90", "2026-01-01", "2026-04-01")], at="2026-01-05")
    record_payment(invoice_id=invoice.pk, amount=D(50), method="manual", reference="bank", at=moment("2026-01-20"))
    return seller


def test_the_figures_reach_those_who_can_lock_the_month(
    seller, settings, mailoutbox, django_capture_on_commit_callbacks
):
    settings.PUBLIC_URL = "https://billing.example"
    nadia = make_staff("nadia", is_superuser=True)
    make_staff("victor")
    StaffSeller.objects.create(user=make_staff("otto", is_superuser=True), seller=make_seller("other"))
    lock_checked_month(seller=seller, month=date(2026, 1, 1), note="", by=nadia, at=AT)
    with django_capture_on_commit_callbacks(execute=True):
        work(kinds=KINDS, clock=lambda: AT)
        work(kinds=KINDS, clock=lambda: AT)

    (message,) = mailoutbox
    assert message.to == [nadia.email]
    assert message.subject == f"January 2026 is closed for {seller.legal_name}"
    for text in ("nadia locked it on", "Invoiced | €90.00", "Collected | €50.00", "Receivables at the end | €40.00"):
        assert text in message.body
    assert "Open January 2026: https://billing.example/admin/" in message.body
    assert "€90.00" in message.alternatives[0][0]


def test_an_unreachable_mail_server_leaves_the_month_closed(seller, monkeypatch, django_capture_on_commit_callbacks):
    def refuse(*args, **kwargs):
        raise ConnectionRefusedError

    monkeypatch.setattr("django.core.mail.EmailMessage.send", refuse)
    nadia = make_staff("nadia", is_superuser=True)
    lock = lock_checked_month(seller=seller, month=date(2026, 1, 1), note="", by=nadia, at=AT)
    with django_capture_on_commit_callbacks(execute=True):
        work(kinds=KINDS, clock=lambda: AT)
    lock.refresh_from_db()
    assert lock.frozen_at is not None
