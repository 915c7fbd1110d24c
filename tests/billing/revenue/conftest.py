"""A seller whose sales touch every report."""

from decimal import Decimal

import pytest

from customers.models import Seller
from invoices.credit_notes import issue_credit_note
from invoices.credit_notes.credit_note import RequestedCredit
from invoices.payments.manual_payments import record_payment
from invoices.payments.write_offs import write_off
from tests.billing.revenue.book_setup import issue_invoice, line, moment
from tests.billing.revenue.test_a_locked_month_is_frozen import lock
from tests.builders import make_customer


@pytest.fixture(params=["open", "locked"])
def seller(request: pytest.FixtureRequest, db: None) -> Seller:
    """Return a seller with lines over one to three years, a credit, payments, usage in arrears and a write-off."""
    customer = make_customer()
    issue_invoice(customer, [line("365.00", "2026-01-01", "2027-01-01")], at="2026-01-01")
    issue_invoice(customer, [line("1095.00", "2026-02-01", "2029-01-31")], at="2026-02-01")
    quarter = issue_invoice(customer, [line("90.00", "2026-01-01", "2026-04-01")], at="2026-01-01")
    record_payment(
        invoice_id=quarter.pk, amount=Decimal("90.00"), method="manual", reference="bank", at=moment("2026-01-20")
    )
    issue_credit_note(
        invoice_id=quarter.pk,
        lines=[RequestedCredit(1, Decimal("45.00"))],
        reason="agreed",
        to="balance",
        at=moment("2026-02-01"),
    )
    issue_invoice(customer, [line("31.00", "2026-01-15", "2026-02-15", kind="usage")], at="2026-02-16")
    doubtful = issue_invoice(make_customer(), [line("31.00", "2026-02-01", "2026-03-01")], at="2026-02-01")
    write_off(invoice_id=doubtful.pk, reason="", at=moment("2026-02-15"))
    issue_invoice(make_customer(), [line("12.00", "2026-04-01", "2026-05-01")], at="2026-04-01")
    if request.param == "locked":
        lock(customer.seller, "2026-01-01", at="2026-02-20")
        lock(customer.seller, "2026-02-01", at="2026-03-05")
    return customer.seller
