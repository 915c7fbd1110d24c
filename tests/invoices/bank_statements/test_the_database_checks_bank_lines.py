"""Raw SQL that violates a constraint of bank statements, lines or bookings is refused by it."""

import pytest

from invoices.models import BankLine
from invoices.payments.bank_statements.bookings import InvoiceShare, book_line
from invoices.payments.bank_statements.match_run import match_lines
from invoices.payments.manual_payments import record_payment
from tests.builders import make_seller
from tests.db_refusals import refused_by
from tests.invoices.bank_statements.bank_rows import NOW, Transfer, import_transfers, make_due, make_user
from tests.owner_rights import past_triggers

pytestmark = pytest.mark.django_db
ACME = "Acme Robotics GmbH"
STATEMENT, LINE = "UPDATE invoices_bankstatement SET {}", "UPDATE invoices_bankline SET {} WHERE state = '{}'"
BOOKING = "UPDATE invoices_bankbooking SET {}"


@pytest.fixture(autouse=True)
def lines():
    """Return a booked line, one for review and an outgoing one."""
    make_due(ACME), make_due(ACME, "50.00")
    import_transfers(Transfer("119.00", "INV-00001", ACME), Transfer("50.00", "?", ACME), Transfer("-1.00", "fee"))
    match_lines(at=NOW)
    cash = make_due("Else Ltd", "10.00")
    record_payment(invoice_id=cash.pk, amount=cash.due, method="manual", reference="cash", at=NOW)
    return list(BankLine.objects.order_by("pk"))


PAST_TRIGGERS = [
    # constraint                                statement
    ("bank_account_has_a_number", "UPDATE invoices_bankaccount SET number = ''"),
    ("bank_statement_format_is_known", STATEMENT.format("format = 'x'")),
    ("statement_opening_balance_is_finite", STATEMENT.format("opening = 'NaN'")),
    ("statement_closing_balance_is_finite", STATEMENT.format("closing = 'NaN'")),
    ("balances_come_in_pairs", STATEMENT.format("closing = NULL")),
    ("bank_statement_brings_a_line", STATEMENT.format("repeated = lines_in_file")),
    ("bank_statement_names_who_imported_it", STATEMENT.format("by_id = NULL")),
    ("bank_file_digest_is_sha256", STATEMENT.format("digest = 'x'")),
    ("bank_line_is_stored_once", "UPDATE invoices_bankline SET identity = repeat('0', 64)"),
    ("bank_line_has_its_place", LINE.format("place = 1", "review")),
    ("bank_line_state_is_known", LINE.format("state = 'odd'", "review")),
    ("bank_line_moves_an_amount", LINE.format("amount = 'NaN'", "review")),
    ("outgoing_line_is_no_payment", LINE.format("state = 'outgoing'", "review")),
    ("booked_line_names_its_customer", LINE.format("customer_id = NULL", "booked")),
    ("unbooked_line_says_why", LINE.format("reason = ''", "review")),
    ("line_identity_is_sha256", LINE.format("identity = 'x'", "review")),
    ("bank_booking_is_above_zero", BOOKING.format("amount = 0")),
    ("bank_booking_names_its_money", BOOKING.format("payment_id = NULL")),
    ("only_payments_are_undone", BOOKING.format("undone_at = booked_at - interval '1 second'")),
]


@pytest.mark.parametrize(("constraint", "statement"), PAST_TRIGGERS)
def test_a_constraint_refuses(constraint, statement):
    with past_triggers():
        assert refused_by(statement) == constraint


WITH_TRIGGERS = [
    ("bank_line_stays_as_imported", LINE.format("amount = 51", "review")),
    ("bank_line_stays_as_imported", LINE.format("payer_name = 'Someone else'", "review")),
    ("bank_line_stays_as_imported", "DELETE FROM invoices_bankline WHERE state = 'review'"),
    ("bank_line_is_booked_in_full", LINE.format("state = 'review', customer_id = NULL", "booked")),
    (
        "bank_line_is_booked_in_full",
        LINE.format("state = 'booked', customer_id = (SELECT min(customer_id) FROM invoices_invoice)", "review"),
    ),
    ("booking_is_only_undone", BOOKING.format("amount = 118")),
    ("booking_is_only_undone", "DELETE FROM invoices_bankbooking"),
    (
        "booking_is_of_its_line",
        "INSERT INTO invoices_bankbooking (line_id, number, invoice_id, amount, payment_id, booked_at)"
        " SELECT l.id, 1, p.invoice_id, 50, p.id, now() FROM invoices_bankline l, invoices_payment p"
        " WHERE l.state = 'review' AND p.reference = 'cash'",
    ),
]


@pytest.mark.parametrize(("constraint", "statement"), WITH_TRIGGERS)
def test_a_trigger_refuses(constraint, statement):
    assert refused_by(statement) == constraint


INSERT = """
    INSERT INTO invoices_bankbooking (line_id, number, invoice_id, amount, payment_id, booked_at)
    SELECT {line}, {number}, invoice_id, amount, {payment}, now() FROM invoices_bankbooking
"""


def test_no_payment_is_claimed_by_two_lines(lines):
    with past_triggers():
        assert refused_by(INSERT.format(line=lines[1].pk, number=1, payment="payment_id")).startswith(
            "invoices_bankbooking_payment_id"
        )
        assert refused_by(INSERT.format(line=lines[0].pk, number=1, payment=-1)) == "bank_booking_has_its_number"


def test_personal_data_may_leave(lines):
    assert BankLine.objects.filter(pk=lines[0].pk).update(payer_name="", text="") == 1


CASES = [*PAST_TRIGGERS, *WITH_TRIGGERS, ("bank_booking_has_its_number", INSERT)]


def test_a_statement_is_append_only():
    assert refused_by(STATEMENT.format("file_name = 'x'")) == "pgtrigger"


def test_an_invoice_of_another_seller_is_refused(lines):
    other = make_due("Else Ltd", "50.00", seller=make_seller("other", legal_name="Other Ltd"))
    with pytest.raises(Exception, match="Choose issued invoices of Acme"):
        book_line(
            line_id=lines[1].pk, shares=[InvoiceShare(other.pk, lines[1].amount)], reason="", at=NOW, by=make_user()
        )
