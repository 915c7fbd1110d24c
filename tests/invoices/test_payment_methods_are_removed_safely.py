"""A payment method is never removed while a payment with it starts: one waits for the other."""

import threading

import pytest

from invoices.models import PaymentAttempt, PaymentMethod
from invoices.payments.attempts import PaymentAttemptRefused, start_payment
from invoices.payments.attempts.payment_methods import remove_payment_method
from invoices.payments.providers.stripe import Stripe
from tests.api.invoice_rows import make_invoice
from tests.builders import make_customer, make_seller
from tests.races import start, wait_until_blocked
from tests.stripe.cards import leave_card

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def invoice():
    return make_invoice(make_customer("acme", seller=make_seller(), currency="EUR"), net="20.00", tax="3.80")


def test_a_payment_waits_for_the_removal_and_finds_no_method(invoice, at_stripe, monkeypatch):
    method = leave_card(invoice.customer, at_stripe)
    is_detaching, may_go_on = threading.Event(), threading.Event()
    detach = Stripe.detach_payment_method

    def slow_detach(service, ref):
        is_detaching.set()
        assert may_go_on.wait(60)
        detach(service, ref)

    monkeypatch.setattr(Stripe, "detach_payment_method", slow_detach)
    removal = start(lambda: remove_payment_method(payment_method_id=method.pk, at=invoice.issued_at))
    assert is_detaching.wait(60)
    payment = start(lambda: start_payment(invoice_id=invoice.pk, at=invoice.issued_at))
    wait_until_blocked()
    may_go_on.set()
    removal.result()
    with pytest.raises(PaymentAttemptRefused, match="has no payment method"):
        payment.result()
    assert not PaymentAttempt.objects.exists()
    assert PaymentMethod.objects.get().removed_at is not None
