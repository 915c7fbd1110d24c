"""The audit finds a write-off whose shares were changed; a loss beyond them is none of its lines'."""

from decimal import Decimal

import pytest
from django.db import connection

from billing.audit import audit
from invoices.credit_notes import RequestedCredit, issue_credit_note
from invoices.models import WriteOffShare
from invoices.payments.attempts.settlement import reverse_payment
from invoices.payments.manual_payments import record_payment
from invoices.payments.write_offs import write_off
from tests.billing.revenue.book_setup import issue_invoice, line, moment
from tests.builders import make_customer
from tests.clean_books import assert_clean
from tests.owner_rights import past_triggers

pytestmark = pytest.mark.django_db
CHECK = "shares_of_a_write_off_sum_to_its_claim"


@pytest.fixture
def lost():
    """Write off 80.00, of which 20.00 are left of the line: 80.00 was refunded, and the payment of it taken back."""
    invoice = issue_invoice(make_customer(), [line("100.00", "2026-01-01", "2026-04-11")], at="2026-01-01")
    payments = [
        record_payment(
            invoice_id=invoice.pk, amount=Decimal(part), method="manual", reference=part, at=moment("2026-01-02")
        )
        for part in ("80.00", "20.00")
    ]
    credits = [RequestedCredit(1, Decimal("80.00"))]
    issue_credit_note(invoice_id=invoice.pk, lines=credits, reason="agreed", to="balance", at=moment("2026-02-01"))
    reverse_payment(payment_id=payments[0].pk, reason="dispute lost", at=moment("2026-03-01"))
    return write_off(invoice_id=invoice.pk, reason="dispute lost", at=moment("2026-03-01"))


def test_a_loss_beyond_the_lines_is_sound(lost):
    assert (lost.amount, WriteOffShare.objects.get().amount) == (80, 20)
    assert_clean(names=[CHECK, "balances_of_roles_equal_their_tables"])


def test_a_changed_share_is_found(lost):
    with past_triggers(), connection.cursor() as cursor:
        cursor.execute("UPDATE invoices_writeoffshare SET amount = amount - 1")
    assert [finding.check.name for finding in audit(only=[CHECK]) if finding.is_violated] == [CHECK]
