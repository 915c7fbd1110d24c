"""A credited payment goes to the customer balance or is refunded, and the balance pays later invoices."""

from datetime import timedelta
from decimal import Decimal as D

import pytest
from django.db import IntegrityError, transaction

from customers.models import Notification
from invoices.credit_notes import RequestedCredit, issue_credit_note
from invoices.models import BalanceEntry, CustomerBalance, Invoice, NumberSeries, Refund
from invoices.payments import attempts
from invoices.payments.attempts.settlement import reverse_payment
from invoices.payments.manual_payments import record_payment
from invoices.payments.refunds import refund as refunding
from tests.api.invoice_rows import make_invoice
from tests.builders import make_customer, make_seller
from tests.docs_tables import rows
from tests.stripe.cards import leave_card
from tests.stripe.server import FAULTS

pytestmark = pytest.mark.django_db


@pytest.fixture
def customer():
    return make_customer("acme", seller=make_seller(), currency="EUR")


@pytest.fixture
def invoice(customer):
    return make_invoice(customer, net="100.00", tax="19.00")


def pay(invoice, amount, **fields):
    arguments = {"method": "manual", "reference": "bank-1", "at": invoice.issued_at, **fields}
    return record_payment(invoice_id=invoice.pk, amount=D(amount), **arguments)


def balance(customer):
    return sum(CustomerBalance.objects.filter(customer=customer).values_list("amount", flat=True))


def note(invoice, to, *, some=True):
    lines = [RequestedCredit(1, D("20.00"))] if some else None
    return issue_credit_note(invoice_id=invoice.pk, lines=lines, reason="Sorry", to=to, at=invoice.issued_at)


def paid_notification_keys():
    return list(Notification.objects.filter(kind="invoice.paid").values_list("key", flat=True))


def test_an_invoice_settled_by_a_credit_note_is_announced_as_paid_once(invoice, customer):
    pay(invoice, "99.00")
    note(invoice, "balance")  # credits 23.80: 20.00 were due, and 3.80 go to the balance
    assert paid_notification_keys() == [f"invoice:{invoice.pk}:paid"]
    note(invoice, "balance", some=False)
    assert paid_notification_keys() == [f"invoice:{invoice.pk}:paid"]


@pytest.mark.parametrize(
    "row",
    rows("payments.md", "Customer balance"),
    ids=lambda row: f"{row['paid before']}-{row['credited']}-{row['to']}",
)
def test_credits_are_granted_as_documented(invoice, customer, row):
    if D(row["paid before"]):
        pay(invoice, row["paid before"])
    note(invoice, row["to"], some=row["credited"] != "119.00")
    invoice.refresh_from_db()
    refunds = sum(Refund.objects.values_list("amount", flat=True))
    assert (invoice.credited, invoice.due) == (D(row["credited"]), D(row["still due"]))
    assert (balance(customer), refunds) == (D(row["on the balance"]), D(row["to be refunded"]))


def issue_next(customer):
    """Issue another invoice of the customer, as a purchase or a close would."""
    from invoices.amounts.totals import Tax
    from invoices.documents.drafts import Draft, DraftLine
    from invoices.documents.issue import issue, write_lines
    from tests.builders import FEB, JAN

    NumberSeries.objects.filter(kind="invoice").update(last_number=Invoice.objects.count())  # made row by row
    line = DraftLine("usage", "API calls", JAN, FEB, D(1), "call", D("50.00"), (Tax("VAT", D(19)),), b"{}")
    draft = Draft("test:next", customer.seller_id, customer.pk, False, "EUR", JAN, FEB, b"{}", b"{}", "UTC", 14)
    draft.lines.append(line)
    draft.total_up()
    write_lines([draft])
    issue([draft], at=FEB + timedelta(days=1))
    return Invoice.objects.get(pk=draft.id)


def test_the_next_invoice_is_paid_from_the_balance(invoice, customer):
    pay(invoice, "119.00")
    note(invoice, "balance")
    following = issue_next(customer)
    assert (following.total.amount, following.paid, following.due) == (D("59.50"), D("23.80"), D("35.70"))
    assert following.payments.get().method == "balance"
    assert balance(customer) == 0
    kinds = BalanceEntry.objects.order_by("place").values_list("kind", "amount", "after")
    assert list(kinds) == [("credit_note", D("23.80"), D("23.80")), ("applied", D("-23.80"), 0)]


def test_a_larger_balance_pays_the_invoice_and_keeps_the_rest(invoice, customer):
    pay(invoice, "119.00")
    note(invoice, "balance", some=False)
    assert issue_next(customer).state == "paid"
    assert balance(customer) == D("59.50")


def test_a_surplus_of_a_transfer_goes_to_the_balance_if_requested(invoice, customer):
    first = pay(invoice, "130.00", keeps_surplus=True)
    assert pay(invoice, "130.00", keeps_surplus=True) == first
    assert (first.amount, balance(customer)) == (D("119.00"), D("11.00"))


def test_a_refund_goes_to_the_card_and_the_rest_is_manual(invoice, customer, at_stripe):
    leave_card(customer, at_stripe)
    pay(invoice, "100.00")
    attempts.submit_attempt(
        attempt_id=attempts.start_payment(invoice_id=invoice.pk, at=invoice.issued_at).pk, at=invoice.issued_at
    )
    note(invoice, "refund")
    refunds = list(Refund.objects.order_by("pk").values_list("provider", "amount", "state"))
    assert refunds == [("stripe", D("19.00"), "pending"), ("manual", D("4.80"), "pending")]
    assert refunding.submit_due_refunds(at=invoice.issued_at) == 1
    by_hand = Refund.objects.get(provider="manual")
    refunding.record_manual_refund(refund_id=by_hand.pk, reference="bank-7", at=invoice.issued_at, by=None)
    assert set(Refund.objects.values_list("state", flat=True)) == {"succeeded"}
    assert [refund["amount"] for refund in at_stripe.of("refund")] == [1900]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_refund_is_made_once_for_any_failed_request(invoice, customer, at_stripe, fault):
    leave_card(customer, at_stripe)
    attempts.submit_attempt(
        attempt_id=attempts.start_payment(invoice_id=invoice.pk, at=invoice.issued_at).pk, at=invoice.issued_at
    )
    note(invoice, "refund")
    at_stripe.faults, at = [fault], invoice.issued_at
    refund = Refund.objects.get()
    while refund.state == "pending":
        refund = refunding.submit_refund(refund_id=refund.pk, at=at)
        at = (refund.next_at or at) + timedelta(seconds=1)
    assert (refund.state, len(at_stripe.of("refund"))) == ("succeeded", 1)


def test_a_refund_that_fails_weeks_later_goes_to_the_balance(invoice, customer, at_stripe):
    leave_card(customer, at_stripe)
    attempts.submit_attempt(
        attempt_id=attempts.start_payment(invoice_id=invoice.pk, at=invoice.issued_at).pk, at=invoice.issued_at
    )
    note(invoice, "refund")
    refund = refunding.submit_refund(refund_id=Refund.objects.get().pk, at=invoice.issued_at)
    at_stripe.things[refund.ref] |= {"status": "failed", "failure_reason": "expired_or_canceled_card"}
    answer = refunding.provider("stripe").find_refund(refunding.refund_order(refund, at=invoice.issued_at))
    for _ in range(2):
        refunding.record_refund_outcome(
            refund_id=refund.pk, response=answer, at=invoice.issued_at + timedelta(days=20)
        )
    assert balance(customer) == D("23.80")


def test_a_balance_is_paid_out_once(invoice, customer):
    pay(invoice, "119.00")
    note(invoice, "balance")
    at = invoice.issued_at
    with pytest.raises(refunding.RefundRefused, match="up to the customer balance"):
        refunding.pay_out_balance(customer_id=customer.pk, currency="EUR", amount=D("23.81"), at=at)
    refunding.pay_out_balance(customer_id=customer.pk, currency="EUR", amount=D("20.00"), at=at)
    assert balance(customer) == D("3.80")
    with pytest.raises(IntegrityError, match="balance_is_never_below_zero"), transaction.atomic():
        BalanceEntry.objects.create(
            customer=customer,
            seller=customer.seller,
            currency="EUR",
            kind="paid_out",
            amount=D("-3.81"),
            reference="x",
            at=at,
        )


def test_a_reversed_payment_is_due_again_once(invoice):
    payment = pay(invoice, "119.00")
    first = reverse_payment(payment_id=payment.pk, reason="The debit was returned", at=invoice.issued_at)
    assert reverse_payment(payment_id=payment.pk, reason="Again", at=invoice.issued_at) == first
    invoice.refresh_from_db()
    assert (invoice.state, invoice.paid, invoice.due) == ("issued", 0, D("119.00"))
    pay(invoice, "119.00", reference="bank-2")
    invoice.refresh_from_db()
    assert invoice.state == "paid"


def test_the_refund_of_a_reversed_payment_is_due(invoice, customer):
    payment = pay(invoice, "119.00")
    note(invoice, "balance")
    reverse_payment(payment_id=payment.pk, reason="Returned", at=invoice.issued_at)
    invoice.refresh_from_db()
    assert (invoice.due, balance(customer)) == (D("119.00"), D("23.80"))
