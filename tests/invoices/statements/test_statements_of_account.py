"""A statement of account adds up, and its balance is what the customer owes by the other records."""

import csv
import io
import re
from datetime import date, datetime, time, timedelta
from decimal import Decimal as D
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.db.models import Sum
from django.test.utils import CaptureQueriesContext

from billing.revenue.reports.receivable_ages import report_aging
from invoices.credit_notes import RequestedCredit, issue_credit_note
from invoices.models import CustomerBalance, Invoice, Refund
from invoices.payments.manual_payments import record_payment
from invoices.payments.refunds.refund import record_manual_refund
from invoices.payments.write_offs import write_off
from invoices.statements import account_statement as statements
from invoices.statements.account_statement import StatementRefused, read_account_statement, read_accounts
from invoices.statements.downloads import statement_pdf_response, statement_table_response
from tests.billing.revenue.book_setup import issue_invoice, line, moment
from tests.billing.revenue.random_books.books import make_books
from tests.builders import make_customer, make_seller
from tests.docs_tables import rows as doc_rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def customer():
    seller = make_seller(currency="EUR", time_zone="Europe/Berlin")
    return make_customer("acme", seller=seller, currency="EUR", locale="de_DE")


def invoice(customer, net, at):
    return issue_invoice(customer, [line(net, at, "2026-12-31")], at=at)


def pay(row, amount, at, **fields):
    fields = {"reference": f"transfer {at}", "keeps_surplus": True} | fields
    return record_payment(invoice_id=row.pk, amount=D(amount), method="manual", at=moment(at), **fields)


def credit(row, amount, at, to):
    lines = [RequestedCredit(1, D(amount))]
    return issue_credit_note(invoice_id=row.pk, lines=lines, reason="Outage", to=to, at=moment(at))


def statement(customer, since="2026-01-01", until="2026-12-31"):
    return read_account_statement(
        customer=customer,
        seller=customer.seller,
        currency="EUR",
        since=date.fromisoformat(since),
        until=date.fromisoformat(until),
    )


def make_example(customer):
    """Do the things of the worked example in docs/invoices.md."""
    first = invoice(customer, "100", "2026-01-02")
    pay(first, "120", "2026-01-20")
    second = invoice(customer, "200", "2026-02-02")
    pay(second, "150", "2026-02-20")
    credit(first, "30", "2026-03-01", "refund")
    record_manual_refund(refund_id=Refund.objects.get().pk, reference="sent", at=moment("2026-03-05"), by=None)
    write_off(invoice_id=second.pk, reason="insolvent", at=moment("2026-03-10"))
    pay(second, "10", "2026-03-20")


def test_the_worked_example_of_the_docs(customer):
    make_example(customer)
    found = statement(customer, since="2026-01-15", until="2026-03-31")
    shown = [("2026-01-15", "opening balance", "", f"{found.opening:.2f}")]
    shown += [
        (
            str(movement.day),
            movement.kind.value.replace("_", " "),
            f"{movement.amount:.2f}",
            f"{movement.balance:.2f}",
        )
        for movement in found.movements
    ]
    shown.append(("2026-03-31", "closing balance", "", f"{found.closing:.2f}"))
    listed = doc_rows("invoices.md", "Statements of account")
    assert [tuple(row[name] for name in ("day", "movement", "amount", "balance")) for row in listed] == shown


def test_it_adds_up_and_the_next_one_begins_where_it_ended(customer):
    make_example(customer)
    january, later = statement(customer, until="2026-01-31"), statement(customer, since="2026-02-01")
    whole = statement(customer)
    assert january.closing == later.opening
    assert later.closing == whole.closing
    for found in (january, later, whole):
        assert found.closing == found.opening + sum(movement.amount for movement in found.movements)
        assert found.closing == found.opening + sum(found.totals.values())


def test_money_on_the_customer_balance_is_in_the_customers_favor(customer):
    pay(invoice(customer, "100", "2026-01-02"), "130", "2026-01-05")
    assert statement(customer, until="2026-01-31").closing == -30
    second = invoice(customer, "100", "2026-02-02")
    assert second.due == 100 or Invoice.objects.get(pk=second.pk).due == 70, "the balance may pay at issue"
    assert statement(customer).closing == 70


def test_days_are_the_sellers(customer):
    first = invoice(customer, "100", "2026-01-02")
    pay(first, "40", "2026-01-31T23:30:00")  # already February in Berlin
    assert statement(customer, until="2026-01-31").closing == 100
    assert [movement.day for movement in statement(customer, since="2026-02-01").movements] == [date(2026, 2, 1)]


def test_other_sellers_customers_and_currencies_have_no_part(customer):
    invoice(customer, "100", "2026-01-02")
    other = make_customer("other", seller=customer.seller)
    invoice(other, "7", "2026-01-03")
    issue_invoice(customer, [line("9", "2026-01-02", "2026-12-31")], at="2026-01-02", currency="USD")
    assert statement(customer).closing == 100
    assert read_accounts(customer) == [(customer.seller_id, "EUR"), (customer.seller_id, "USD")]


@pytest.mark.parametrize(
    ("since", "until"), [("2026-02-01", "2026-01-31"), ("2020-01-01", "2026-01-31")], ids=["empty", "too long"]
)
def test_ranges_are_bounded(customer, since, until):
    with pytest.raises(StatementRefused):
        statement(customer, since=since, until=until)


def test_too_many_movements_are_refused(customer, monkeypatch):
    make_example(customer)
    monkeypatch.setattr(statements, "MAX_MOVEMENTS", 3)
    with pytest.raises(StatementRefused, match="more than 3 movements"):
        statement(customer)


def test_it_takes_two_queries_however_many_movements(customer):
    make_example(customer)
    with CaptureQueriesContext(connection) as queries:
        statement(customer)
    assert len(queries) == 2


def test_the_file_is_in_the_customers_language_and_the_table_has_plain_numbers(customer, monkeypatch):
    make_example(customer)
    pages = []
    monkeypatch.setattr("invoices.rendering.receipt.typeset", lambda html: pages.append(html) or b"%PDF-1.7")
    found = statement(customer)
    answer = statement_pdf_response(found, at=moment("2026-04-01"))
    assert answer.content.startswith(b"%PDF-")
    assert 'lang="de-DE"' in pages[0]
    assert "Kontoauszug" in pages[0]
    assert "100,00" in pages[0]
    assert "Opening balance" not in pages[0]
    lines = b"".join(statement_table_response(found).streaming_content).decode()
    table = list(csv.reader(io.StringIO(lines)))
    assert table[0] == ["date", "kind", "document", "reference", "amount", "balance", "currency"]
    assert D(table[-1][5].lstrip("'")) == found.closing
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", table[1][0])


@pytest.mark.slow
@pytest.mark.parametrize("first", [0, 50])
def test_the_balance_is_that_of_the_aging_report_less_what_the_seller_owes(first):
    books = make_books(first, 8)
    for book in books.customers:
        customer, currency = book.customer, book.currency
        zone_day = books.at.astimezone(ZoneInfo(str(books.seller.time_zone))).date()
        found = read_account_statement(
            customer=customer,
            seller=books.seller,
            currency=currency,
            since=date(zone_day.year - 4, 1, 1),
            until=zone_day,
        )
        end = datetime.combine(zone_day + timedelta(days=1), time(), ZoneInfo(str(books.seller.time_zone)))
        aging = report_aging(books.seller, currency=currency, at=end)
        due = next((row.values["total"] for row in aging.rows if row.values["customer"] == str(customer)), D(0))
        of_account = {"customer": customer, "seller": books.seller, "currency": currency}
        balance = CustomerBalance.objects.filter(**of_account).aggregate(sum=Sum("amount"))["sum"] or D(0)
        pending = Refund.objects.filter(**of_account, state="pending").aggregate(sum=Sum("amount"))["sum"] or D(0)
        assert found.closing == due - balance - pending, customer
