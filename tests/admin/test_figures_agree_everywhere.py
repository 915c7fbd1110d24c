"""
Over random books, the figures of the home, of customers and of invoices equal the revenue reports and the API.

Each is read from its page as people see it, at one moment.
"""

import re
from datetime import timedelta
from decimal import Decimal as D
from unittest import mock
from zoneinfo import ZoneInfo

import pytest
from django.core.cache import caches
from django.test import Client
from django.utils import timezone

from access.approvals import Requester
from billing.models.postings import Role
from billing.revenue.metrics.reports import read_balances, read_mrr_report
from billing.revenue.reports.posting_rows import read_posting_rows
from billing.revenue.reports.receivable_ages import BUCKETS, read_open_invoices, report_aging
from customers.api_keys import keys
from invoices.documents.past_due import mark_overdue
from invoices.models import BankBooking, Invoice
from invoices.models.invoices import OPEN_INVOICES
from invoices.payments.bank_statements.file_import import import_bank_file
from invoices.payments.bank_statements.match_run import match_lines
from invoices.payments.manual_payments import record_payment
from invoices.payments.write_offs import write_off
from lib.decimals import to_plain_string
from lib.formats import format_money
from tests.billing.revenue.random_books.books import SellerBooks, make_books
from tests.invoices.bank_statements.bank_rows import Transfer, camt, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

PAST_DUE = ("1_30", "31_60", "61_90", "over_90")
FEW = 6


@pytest.fixture(params=[0, 100])
def books(request) -> SellerBooks:
    """Return random books in which a bank line, dated before the last locked month ended, was booked just now."""
    books = make_books(request.param, FEW)
    invoice = Invoice.objects.filter(seller=books.seller, state="issued", kind="invoice", total__gt=0).last()
    if invoice is not None and invoice.due:
        transfer = Transfer(
            to_plain_string(invoice.due),
            str(invoice.number),
            invoice.customer.legal_name,
            day=(books.at - timedelta(days=40)).date(),
            currency=str(invoice.currency),
        )
        import_bank_file(
            seller=books.seller,
            content=camt([transfer]),
            file_name="statement.xml",
            by=Requester(user=make_user()),
            at=books.at - timedelta(minutes=10),
        )
        match_lines(at=books.at - timedelta(minutes=5))
        assert BankBooking.objects.count() == 1
    # The reports count what happened before their time.
    books.at += timedelta(seconds=1)
    mark_overdue(at=books.at)
    return books


@pytest.fixture
def now(books):
    """Let every page read the clock of the books."""
    caches["memory"].clear()
    with mock.patch.object(timezone, "now", return_value=books.at):
        yield books.at


def aging(books, currency):
    return report_aging(books.seller, currency=currency, at=books.at)


def zone(books):
    return ZoneInfo(str(books.seller.time_zone))


def currencies(books):
    return sorted({book.currency for book in books.customers})


def total(books, currency, columns=tuple(BUCKETS)):
    row = aging(books, currency).rows[-1].values
    return sum((row.get(column) or D(0) for column in columns), D(0))


def cards(text):
    """Return title → amounts of the cards of the home."""
    found = re.findall(r'<h2 id="card-\d"><span>(.*?)</span>.*?</h2>(.*?)</section>', text, re.DOTALL)
    return {title: re.findall(r'class="amount"[^>]*>(.*?)</a>', card, re.DOTALL) for title, card in found}


def figures(text):
    """Return name → values of the figures above a page."""
    found: dict[str, list[str]] = {}
    for name, figure in re.findall(r"<dt>([^<]+)</dt><dd>(?:<a[^>]*>)?([^<]+)", text):
        found.setdefault(name, []).append(figure)
    return found


def test_the_home_shows_what_the_reports_show(member, books, now):
    shown = cards(member("finance").get(f"/admin/?seller={books.seller.code}").content.decode())
    for currency in currencies(books):
        filters = {"role": Role.CASH.value, "month": f"{now.astimezone(zone(books)):%Y-%m}"}
        filters["source"] = "payment,balance,refund"
        collected = read_posting_rows(books.seller, currency=currency, filters=filters, at=now).total
        assert format_money(total(books, currency), currency) in shown["Open"]
        assert format_money(total(books, currency, PAST_DUE), currency) in shown["Past due"]
        assert format_money(collected, currency) in shown["Collected"]


def test_the_pages_of_customers_show_their_rows_of_the_reports(member, books, now):
    client = member("finance")
    for book in books.customers:
        rows = {row.values["customer"]: row.values["total"] for row in aging(books, book.currency).rows}
        due = rows.get(str(book.customer), D(0))
        found = figures(client.get(f"/admin/customers/customer/{book.customer.pk}/change/").content.decode())
        assert found["Balance due"] == [format_money(due, book.currency) if due else "nothing"], book.customer
        month = now.astimezone(zone(books)).date().replace(day=1)
        page = read_balances(seller=books.seller, currency=book.currency, month=month, at=now)
        mrr = {balance.customer_id: balance.net for balance in page.rows}.get(book.customer.pk)
        assert found.get("MRR", []) == ([format_money(mrr, book.currency)] if mrr else []), book.customer
    for currency in currencies(books):
        report = read_mrr_report(seller=books.seller, currency=currency, at=now)
        assert report.last.shown(currency).closing >= 0


def test_invoices_show_what_is_open_by_the_report_and_the_api(member, books, now):
    client = member("finance")
    _key, secret = keys.issue(name="agree", scopes=["read"], sandbox=False, by=None, at=now)
    api = Client(headers={"Authorization": f"Bearer {secret}"})
    seen = 0
    for currency in currencies(books):
        page = read_open_invoices(books.seller, currency=currency, filters={}, at=now)
        assert page.total == total(books, currency)
        for row in page.rows:
            answer = api.get(f"/api/v1/invoices/{row.id}").json()
            assert D(answer["due"]["amount"]) == row.open
            text = client.get(f"/admin/invoices/invoice/{row.id}/change/").content.decode()
            assert figures(text)["Amount due"] == [format_money(row.open, currency)]
            if row.days_late:
                assert re.search(rf"\b{row.days_late} days? past due", text)
            seen += 1
    assert seen, "some invoices are open"
    tabs = client.get("/admin/invoices/invoice/").context["invoice_tabs"]
    amounts = {str(tab.title): tab.amounts.split(" · ") for tab in tabs}
    for currency in currencies(books):
        if open_amount := total(books, currency):
            assert format_money(open_amount, currency) in amounts["Open"]
        if late := total(books, currency, PAST_DUE):
            assert format_money(late, currency) in amounts["Past due"]


def test_a_written_off_invoice_is_due_nowhere(member, books, now):
    lost = Invoice.objects.filter(seller=books.seller, state__in=OPEN_INVOICES, kind="invoice", total__gt=0).last()
    write_off(invoice_id=lost.pk, reason="insolvent", at=now)
    lost.refresh_from_db()
    client = member("finance")
    text = client.get(f"/admin/invoices/invoice/{lost.pk}/change/").content.decode()
    assert "Amount due" not in figures(text)
    before = total(books, str(lost.currency))
    record_payment(invoice_id=lost.pk, amount=lost.due, method="manual", reference="late", at=now)
    assert total(books, str(lost.currency)) == before, "a recovery is no receivable"
