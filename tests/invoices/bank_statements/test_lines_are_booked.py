"""Each line of a statement is booked once, with its reason, or left for review."""

from decimal import Decimal as D

import pytest

from invoices.models import BalanceEntry, BankBooking, BankLine, Payment
from invoices.payments.bank_statements.bookings import (
    BankLineRefused,
    InvoiceShare,
    book_line,
    ignore_line,
    undo_booking,
)
from invoices.payments.bank_statements.match_run import match_lines
from tests.invoices.bank_statements.bank_rows import NOW, Transfer, import_transfers, make_due, make_user

pytestmark = pytest.mark.django_db
ACME, OTHER = "Acme Robotics GmbH", "Windmere Labs Ltd"


def matched(*transfers, **options):
    import_transfers(*transfers, **options)
    match_lines(at=NOW)
    return list(BankLine.objects.order_by("pk"))


def book(line, *shares, reason="By hand"):
    pairs = [InvoiceShare(invoice.pk, D(amount)) for invoice, amount in shares]
    return book_line(line_id=line.pk, shares=pairs, reason=reason, at=NOW, by=make_user())


def test_an_exact_payment_is_booked_with_its_value_date():
    invoice = make_due(ACME)

    (line,) = matched(Transfer("119.00", "inv 1, thanks", "ACME ROBOTICS", reference="R1"))

    payment = Payment.objects.get()
    assert (line.state, line.customer_id) == ("booked", invoice.customer_id)
    assert line.reason == "INV-00001 and the amount due agree."
    assert (payment.amount, payment.method, payment.reference) == (D(119), "manual", f"bank:{line.pk}:1")
    assert payment.paid_at.isoformat() == "2026-03-04T00:00:00+00:00"
    invoice.refresh_from_db()
    assert invoice.state == "paid"


@pytest.mark.parametrize(
    ("amount", "text", "payer", "reason"),
    [
        ("119.00", "INV-00001", OTHER, "INV-00001 is an invoice of another customer than the payer."),
        ("50.00", "INV-00001", "J. Doe", "INV-00001 is named, but neither the amount due nor the payer agrees."),
        ("130.00", "INV-00001", "J. Doe", "INV-00001 is named, but neither the amount due nor the payer agrees."),
        ("119.00", "Invoice of January", ACME, "No invoice number is in the text."),
        (
            "119.00",
            "INV-00001 INV-00002",
            ACME,
            "The text names INV-00001, INV-00002, invoices of several customers.",
        ),
    ],
)
def test_doubt_is_left_for_review(amount, text, payer, reason):
    make_due(ACME)
    make_due(OTHER, "80.00")

    (line,) = matched(Transfer(amount, text, payer))

    assert line.state == "review"
    assert line.reason.startswith(reason)
    assert not Payment.objects.exists()


def test_a_partial_payment_and_the_rest_pay_the_invoice():
    invoice = make_due(ACME)

    lines = matched(Transfer("100.00", "INV-00001", ACME), Transfer("19.00", "rest of INV-00001", ACME))

    assert [line.state for line in lines] == ["booked", "booked"]
    invoice.refresh_from_db()
    assert (invoice.state, invoice.paid) == ("paid", D(119))


def test_an_overpayment_goes_to_the_balance():
    make_due(ACME)

    (line,) = matched(Transfer("120.00", "INV-00001", ACME))

    booking = BankBooking.objects.get(line=line)
    assert (booking.amount, booking.payment.amount, booking.entry.amount) == (D(120), D(119), D(1))


def test_a_double_payment_is_left_for_review_and_goes_to_the_balance_by_hand():
    invoice = make_due(ACME)
    first, second = matched(Transfer("119.00", "INV-00001", ACME), Transfer("119.00", "INV-00001", ACME))

    assert (first.state, second.state) == ("booked", "review")
    assert second.reason == "INV-00001 is paid already: likely a double payment."
    book(second, (invoice, "119.00"))
    assert BalanceEntry.objects.get().amount == D(119)
    assert BankBooking.objects.get(line=second).payment is None


def test_several_invoices_are_paid_by_one_line():
    make_due(ACME)
    make_due(ACME, "81.00")

    (line,) = matched(Transfer("200.00", "INV-00001 + INV-00002", "Someone"))

    assert line.state == "booked"
    assert sorted(Payment.objects.values_list("amount", flat=True)) == [D(81), D(119)]


def test_outgoing_lines_and_reversals_are_no_payments():
    make_due(ACME)

    sent, reversal = matched(
        Transfer("-119.00", "INV-00001", ACME), Transfer("119.00", "INV-00001", ACME, is_reversal=True)
    )

    assert (sent.state, reversal.state) == ("outgoing", "review")
    with pytest.raises(BankLineRefused, match="not for review"):
        ignore_line(line_id=sent.pk, reason="Fee", at=NOW, by=None)


def test_an_account_that_paid_before_is_known():
    make_due(ACME)
    (first,) = matched(Transfer("50.00", "INV-00001", "J. Doe", "DE1"))
    book(first, (first.account.seller.invoices.get(), "50.00"))

    lines = matched(Transfer("20.00", "INV-00001", "J. Doe", "DE1"), number=2)

    assert lines[-1].state == "booked"


def test_a_line_is_split_by_hand_over_invoices_of_one_customer():
    first, second, other = make_due(ACME), make_due(ACME, "81.00"), make_due(OTHER)
    (line,) = matched(Transfer("200.00", "our invoices", "J. Doe"))

    with pytest.raises(BankLineRefused, match="one customer"):
        book(line, (first, "119.00"), (other, "81.00"))
    with pytest.raises(BankLineRefused, match="The parts sum to"):
        book(line, (first, "119.00"), (second, "80.00"))
    book(line, (first, "119.00"), (second, "81.00"))

    assert Payment.objects.count() == 2


def test_a_booking_is_undone_and_made_again():
    invoice = make_due(ACME)
    (line,) = matched(Transfer("119.00", "INV-00001", ACME))

    undone = undo_booking(line_id=line.pk, reason="Wrong", at=NOW, by=make_user())

    invoice.refresh_from_db()
    assert (undone.state, undone.customer, invoice.due) == ("review", None, D(119))
    book(line, (invoice, "119.00"))
    invoice.refresh_from_db()
    assert invoice.state == "paid"
    assert [booking.number for booking in line.bookings.order_by("pk")] == [1, 2]


def test_what_is_on_the_balance_is_not_undone():
    make_due(ACME)
    (line,) = matched(Transfer("120.00", "INV-00001", ACME))

    with pytest.raises(BankLineRefused, match="customer balance"):
        undo_booking(line_id=line.pk, reason="Wrong", at=NOW, by=None)


def test_an_ignored_line_has_a_reason_and_comes_back():
    (line,) = matched(Transfer("5.00", "interest", "Bank"))

    with pytest.raises(BankLineRefused, match="Enter a reason"):
        ignore_line(line_id=line.pk, reason=" ", at=NOW, by=None)
    assert ignore_line(line_id=line.pk, reason="Interest", at=NOW, by=None).state == "ignored"
    assert undo_booking(line_id=line.pk, reason="Look again", at=NOW, by=None).state == "review"
