"""Credit notes by staff and write-offs split into an earned and a deferred part: docs/recognition.md#credit-notes."""

from decimal import Decimal

import pytest

from billing.revenue.ledger.books import read_books
from invoices.credit_notes import issue_credit_note
from invoices.credit_notes.credit_note import RequestedCredit
from invoices.models import WriteOff
from invoices.payments.attempts.settlement import reverse_payment
from invoices.payments.manual_payments import record_payment
from invoices.payments.write_offs import WriteOffRefused, write_off
from tests.billing.revenue.book_setup import changes, issue_invoice, line, moment
from tests.builders import make_customer

pytestmark = pytest.mark.django_db
D = Decimal


@pytest.fixture
def customer():
    return make_customer()


def credit(invoice, amount: str, *, at: str, to: str = "balance"):
    (row,) = invoice.lines.all()
    return issue_credit_note(
        invoice_id=invoice.pk, lines=[RequestedCredit(row.position, D(amount))], reason="agreed", to=to, at=moment(at)
    )


def pay(invoice, amount: str, *, at: str, reference: str = "transfer"):
    record_payment(invoice_id=invoice.pk, amount=D(amount), method="manual", reference=reference, at=moment(at))


def test_a_credit_takes_its_earned_part_off_the_month_of_the_note(customer):
    invoice = issue_invoice(customer, [line("90.00", "2019-01-01", "2019-04-01")], at="2019-01-01")
    credit(invoice, "45.00", at="2019-02-01")
    seller = customer.seller
    assert changes(seller, "credit_notes", at="2019-05-01") == {"2019-02": "15.50"}
    assert changes(seller, "revenue", at="2019-05-01") == {"2019-01": "31.00", "2019-02": "14.00", "2019-03": "15.50"}
    assert changes(seller, "deferred", at="2019-05-01") == {
        "2019-01": "59.00",
        "2019-02": "-43.50",
        "2019-03": "-15.50",
    }
    assert changes(seller, "receivable", at="2019-05-01") == {"2019-01": "90.00", "2019-02": "-45.00"}


def test_a_credit_of_a_paid_invoice_goes_to_the_customers_balance(customer):
    invoice = issue_invoice(customer, [line("90.00", "2019-01-01", "2019-04-01")], at="2019-01-01")
    pay(invoice, "90.00", at="2019-01-10")
    credit(invoice, "45.00", at="2019-02-01")
    seller = customer.seller
    assert changes(seller, "cash", at="2019-05-01") == {"2019-01": "90.00"}
    assert changes(seller, "receivable", at="2019-05-01") == {}
    assert changes(seller, "customer_balance", at="2019-05-01") == {"2019-02": "45.00"}


def test_a_write_off_splits_the_unpaid_share_of_each_line(customer):
    invoice = issue_invoice(customer, [line("31.00", "2019-01-15", "2019-02-15")], at="2019-01-15")
    pay(invoice, "11.00", at="2019-01-20")
    write_off(invoice_id=invoice.pk, reason="insolvent", at=moment("2019-02-01"))
    seller = customer.seller
    assert changes(seller, "bad_debt", at="2019-03-01") == {"2019-02": "10.97"}
    assert changes(seller, "deferred", at="2019-03-01") == {"2019-01": "14.00", "2019-02": "-14.00"}
    assert changes(seller, "revenue", at="2019-03-01") == {"2019-01": "17.00", "2019-02": "4.97"}
    assert changes(seller, "receivable", at="2019-03-01") == {"2019-01": "20.00", "2019-02": "-20.00"}


def test_a_payment_after_a_write_off_recovers_it(customer):
    invoice = issue_invoice(customer, [line("90.00", "2019-01-01", "2019-04-01")], at="2019-01-01")
    write_off(invoice_id=invoice.pk, reason="", at=moment("2019-02-01"))
    pay(invoice, "90.00", at="2019-04-15")
    seller = customer.seller
    assert changes(seller, "bad_debt", at="2019-05-01") == {"2019-02": "31.00", "2019-04": "-31.00"}
    assert changes(seller, "recoveries", at="2019-05-01") == {"2019-04": "59.00"}
    assert changes(seller, "receivable", at="2019-05-01") == {"2019-01": "90.00", "2019-02": "-90.00"}
    assert changes(seller, "revenue", at="2019-05-01") == {"2019-01": "31.00"}


def test_a_recovery_in_parts_loses_no_cent(customer):
    invoice = issue_invoice(customer, [line("90.00", "2019-01-01", "2019-04-01")], at="2019-01-01")
    write_off(invoice_id=invoice.pk, reason="", at=moment("2019-02-01"))
    for number, amount in enumerate(("0.01", "33.33", "56.66")):
        pay(invoice, amount, at=f"2019-04-1{number}", reference=f"part {number}")
    assert changes(customer.seller, "bad_debt", at="2019-05-01")["2019-04"] == "-31.00"
    assert changes(customer.seller, "recoveries", at="2019-05-01") == {"2019-04": "59.00"}


def test_only_an_amount_due_is_written_off(customer):
    invoice = issue_invoice(customer, [line("31.00", "2019-01-15", "2019-02-15")], at="2019-01-15")
    pay(invoice, "31.00", at="2019-01-20")
    with pytest.raises(WriteOffRefused, match="Nothing can be written off"):
        write_off(invoice_id=invoice.pk, reason="", at=moment("2019-02-01"))
    assert not WriteOff.objects.exists()


def test_books_begin_with_the_first_invoice(customer):
    issue_invoice(customer, [line("31.00", "2019-01-15", "2019-02-15")], at="2019-01-15")
    books = read_books(customer.seller, at=moment("2019-03-10"))
    assert [f"{month:%Y-%m}" for month in books.months] == ["2019-01", "2019-02", "2019-03"]
    assert books.ends[-1] == moment("2019-03-10")


def test_more_taken_back_than_claimed_is_another_loss(customer):
    """A lost dispute after a refund: 80.00 of 100.00 was refunded, and 80.00 more is gone."""
    invoice = issue_invoice(customer, [line("100.00", "2019-01-01", "2019-04-11")], at="2019-01-01")
    for part in ("80.00", "20.00"):
        pay(invoice, part, at="2019-01-01", reference=part)
    credit(invoice, "80.00", at="2019-02-01")
    reverse_payment(payment_id=invoice.payments.get(amount=80).pk, reason="dispute", at=moment("2019-03-01"))
    invoice.refresh_from_db()
    assert (invoice.state, invoice.due, invoice.left) == ("issued", 80, 20)
    write_off(invoice_id=invoice.pk, reason="dispute lost", at=moment("2019-03-01"))
    seller = customer.seller
    assert changes(seller, "other_loss", at="2019-05-01") == {"2019-03": "-60.00"}
    assert changes(seller, "bad_debt", at="2019-05-01") == {"2019-03": "11.80"}  # 59 of 100 days
    assert sum(map(D, changes(seller, "revenue", at="2019-05-01").values())) == D("36.60")
    assert changes(seller, "deferred", at="2019-05-01")["2019-03"] == "-8.20"
    assert sum(map(D, changes(seller, "receivable", at="2019-05-01").values())) == 0
    pay(invoice, "80.00", at="2019-04-15", reference="after all")
    assert changes(seller, "other_loss", at="2019-05-01") == {"2019-03": "-60.00", "2019-04": "60.00"}
    assert changes(seller, "recoveries", at="2019-05-01") == {"2019-04": "8.20"}
    assert sum(map(D, changes(seller, "receivable", at="2019-05-01").values())) == 0


def test_a_credit_after_a_refund_whose_payment_was_taken_back_leaves_an_amount_due(customer):
    invoice = issue_invoice(customer, [line("100.00", "2019-01-01", "2019-04-11")], at="2019-01-01")
    for part in ("80.00", "20.00"):
        pay(invoice, part, at="2019-01-01", reference=part)
    credit(invoice, "80.00", at="2019-02-01")
    reverse_payment(payment_id=invoice.payments.get(amount=80).pk, reason="dispute", at=moment("2019-03-01"))
    credit(invoice, "20.00", at="2019-03-01", to="offset")
    invoice.refresh_from_db()
    assert (invoice.state, invoice.due, invoice.left) == ("issued", 60, 0)
    write_off(invoice_id=invoice.pk, reason="dispute lost", at=moment("2019-03-01"))
    assert changes(customer.seller, "other_loss", at="2019-05-01") == {"2019-03": "-60.00"}
    assert sum(map(D, changes(customer.seller, "receivable", at="2019-05-01").values())) == 0
