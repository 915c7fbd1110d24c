"""Invoices, payments, refunds and the provider agree with the books: docs/revenue-reports.md#reconciliation."""

from decimal import Decimal

import pytest

from billing.revenue.reports.registry import read_report
from invoices.credit_notes import issue_credit_note
from invoices.credit_notes.credit_note import RequestedCredit
from invoices.models import Invoice, PaymentAttempt
from invoices.payments.manual_payments import record_payment
from lib import sql
from lib.money import minor_unit
from tests.billing.revenue.book_setup import issue_invoice, line, moment
from tests.billing.revenue.test_a_locked_month_is_frozen import lock
from tests.builders import make_customer
from tests.owner_rights import past_triggers

pytestmark = pytest.mark.django_db
D = Decimal
AT = moment("2026-04-10")


@pytest.fixture(params=["open", "locked"])
def invoice(request) -> Invoice:
    """Return an invoice that was paid and credited; in one case after January was locked."""
    customer = make_customer()
    invoice = issue_invoice(customer, [line("90.00", "2026-01-01", "2026-04-01")], at="2026-01-01")
    if request.param == "locked":
        lock(customer.seller, "2026-01-01", at="2026-02-05")
    record_payment(
        invoice_id=invoice.pk, amount=D("90.00"), method="manual", reference="bank", at=moment("2026-02-10")
    )
    issue_credit_note(
        invoice_id=invoice.pk,
        lines=[RequestedCredit(1, D("45.00"))],
        reason="agreed",
        to="balance",
        at=moment("2026-02-11"),
    )
    return invoice


def reconciled(invoice: Invoice) -> dict[tuple[str, str, str], tuple[str, str, str]]:
    """Return {(month, comparison, method): (records, books, difference)}."""
    report = read_report("reconciliation", invoice.seller, currency="EUR", at=AT)
    return {
        (f"{row['month']:%Y-%m}", row["comparison"], row["method"]): tuple(
            str(row[code].quantize(minor_unit("EUR"))) for code in ("records", "books", "difference")
        )
        for row in (row.values for row in report.rows)
    }


def test_sound_books_have_no_difference(invoice):
    assert reconciled(invoice) == {
        ("2026-02", "Invoices and credit notes", ""): ("-45.00", "-45.00", "0.00"),
        ("2026-02", "Payments", "recorded manually"): ("90.00", "90.00", "0.00"),
        ("2026-01", "Invoices and credit notes", ""): ("90.00", "90.00", "0.00"),
    }


def test_a_credit_note_with_another_total_than_its_postings_is_a_difference(invoice):
    plant("UPDATE invoices_line SET amount = amount + 5 WHERE invoice_id = %s", Invoice.objects.get(corrects=invoice))
    assert reconciled(invoice)["2026-02", "Invoices and credit notes", ""] == ("-45.00", "-50.00", "5.00")


def test_money_that_a_provider_collected_without_a_payment_is_a_difference(invoice):
    other = issue_invoice(make_customer(), [line("31.00", "2026-03-01", "2026-04-01")], at="2026-03-01")
    attempt = PaymentAttempt.objects.create(
        invoice=other, number=1, provider="stripe", amount=other.due, currency="EUR", created_at=moment("2026-03-02")
    )
    plant(
        "UPDATE invoices_paymentattempt SET state = 'succeeded', settled_at = '2026-03-02', next_at = NULL"
        " WHERE id = %s",
        attempt,
    )
    collected = str(attempt.amount.quantize(minor_unit("EUR")))
    assert reconciled(invoice)["2026-03", "Collected by the provider", "Stripe"] == (collected, "0.00", collected)


def plant(statement: str, row: Invoice | PaymentAttempt) -> None:
    """Change a row as no code of ours can: without triggers."""
    with past_triggers():
        sql.execute(statement, [row.pk])
