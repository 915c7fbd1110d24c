"""Billing contacts save, replace, choose and remove payment methods; others only see them."""

from datetime import date, timedelta

import pytest

from invoices.models import PaymentAttempt, PaymentMethod
from invoices.payments.attempts import start_payment
from tests.api.invoice_rows import make_invoice
from tests.builders import make_seller
from tests.portal.accounts import TODAY
from tests.stripe.cards import leave_card

pytestmark = pytest.mark.django_db
PAGE = "/portal/payment-methods"


@pytest.fixture
def client(own, stripe_server):
    own.customer.payer_accounts.all()[0].payment_methods.all().delete()
    return own.client()


def session_of(books):
    return books.of("checkout.session", mode="setup")[-1]


def text_of(answer):
    return answer.content.decode()


def test_a_card_is_saved_on_the_providers_page(own, client, at_stripe):
    answer = client.post(f"{PAGE}/add")
    session = session_of(at_stripe)
    assert (answer.status_code, answer["Location"]) == (303, session["url"])
    assert session["customer"] == own.customer.payer_accounts.get().ref
    at_stripe.save(session)
    page = text_of(client.get(session["success_url"]))
    for text in ("Your payment method is saved.", "Visa 4242", "expires 04/2031", "Default"):
        assert text in page, text


def test_a_customer_who_leaves_the_providers_page_saved_nothing(client, at_stripe):
    client.post(f"{PAGE}/add")
    page = text_of(client.get(session_of(at_stripe)["success_url"]))
    assert "saved." in page
    assert "Your payment method is saved" not in page
    assert "No payment method is saved." in page


def test_the_saved_card_takes_the_place_of_the_replaced_one(own, client, at_stripe):
    earlier = leave_card(own.customer, at_stripe)
    client.post(f"{PAGE}/{earlier.pk}/replace")
    session = session_of(at_stripe)
    at_stripe.save(session)
    client.get(session["success_url"])
    method = PaymentMethod.objects.get(removed_at=None)
    assert (method.pk != earlier.pk, method.is_default) == (True, True)
    assert at_stripe.things[earlier.ref]["customer"] is None


def test_only_the_default_one_is_charged(own, client, at_stripe):
    first, second = leave_card(own.customer, at_stripe), leave_card(own.customer, at_stripe)
    assert client.post(f"{PAGE}/{first.pk}/default").status_code == 303
    assert list(PaymentMethod.objects.filter(is_default=True)) == [first]
    assert client.post(f"{PAGE}/{second.pk}/remove").status_code == 303
    second.refresh_from_db()
    assert second.removed_at == TODAY


def test_a_card_with_a_pending_payment_is_not_removed(own, client, at_stripe):
    method = leave_card(own.customer, at_stripe)
    start_payment(invoice_id=own.invoice.pk, at=TODAY)
    page = text_of(client.get(PAGE))
    assert "A payment is in progress. You can remove this payment method once it is settled." in page
    assert f"{PAGE}/{method.pk}/remove" not in page
    answer = client.post(f"{PAGE}/{method.pk}/remove")
    assert answer.status_code == 422
    assert "A payment with Visa 4242 is in progress." in text_of(answer)
    method.refresh_from_db()
    assert method.removed_at is None


def test_invoices_are_charged_automatically_or_not(own, client):
    assert client.post(f"{PAGE}/automatic", {"automatic": "off"}).status_code == 303
    own.customer.refresh_from_db()
    assert own.customer.charges_automatically is False
    assert "You pay each one yourself." in text_of(client.get(PAGE))
    client.post(f"{PAGE}/automatic", {"automatic": "on"})
    own.customer.refresh_from_db()
    assert own.customer.charges_automatically is True


def test_an_expired_card_is_marked(own, client, at_stripe):
    method = leave_card(own.customer, at_stripe)
    PaymentMethod.objects.filter(pk=method.pk).update(expires_on=date(2026, 1, 1))
    assert "Expired" in text_of(client.get(PAGE))
    PaymentMethod.objects.filter(pk=method.pk).update(expires_on=date(2026, 2, 1))
    assert "Expired" not in text_of(client.get(PAGE)), "a card is valid until the end of its month"


def test_a_viewer_sees_methods_and_no_buttons(own, client, at_stripe):
    leave_card(own.customer, at_stripe)
    page = text_of(own.client(looks=True).get(PAGE))
    assert "Visa 4242" in page
    for word in ("Replace", "Remove", "Add a payment method", "Turn off"):
        assert word not in page, word


def test_an_invoice_is_paid_with_a_saved_card(own, client, at_stripe):
    method = leave_card(own.customer, at_stripe)
    pay = f"/portal/invoices/{own.invoice.pk}/pay"
    assert "with Visa 4242" in text_of(client.get(pay))
    assert client.post(pay, {"payment_method": method.pk}).status_code == 303
    page = text_of(client.get(pay))
    assert "Nothing is due" in page
    assert f"/portal/invoices/{own.invoice.pk}/receipts/" in page


@pytest.mark.parametrize("number", ["", "x", "0"])
def test_an_unknown_method_pays_nothing(own, client, foreign, at_stripe, number):
    method = leave_card(foreign.customer, at_stripe)
    pay = f"/portal/invoices/{own.invoice.pk}/pay"
    expected = 303 if number == "" else 404  # without a method, the provider's page opens
    assert client.post(pay, {"payment_method": number}).status_code == expected
    assert client.post(pay, {"payment_method": method.pk}).status_code == 404
    assert not at_stripe.taken()


def test_a_payment_in_progress_is_not_paid_again(own, client, at_stripe):
    leave_card(own.customer, at_stripe)
    at_stripe.faults = ["500_before"] * 9
    start_payment(invoice_id=own.invoice.pk, at=TODAY + timedelta(hours=1))
    for page in (f"/portal/invoices/{own.invoice.pk}", f"/portal/invoices/{own.invoice.pk}/pay"):
        text = text_of(client.get(page))
        assert "is in progress. A bank debit takes a few days." in text, page
        assert '<button class="button primary"' not in text, page
    assert PaymentAttempt.objects.filter(invoice=own.invoice).count() == 1


def test_a_seller_that_bills_the_customer_may_be_chosen_and_no_other(own, client, at_stripe):
    other = make_seller("other")
    assert client.post(f"{PAGE}/add", {"seller": other.code}).status_code == 404
    make_invoice(own.customer, seller=other)
    assert client.post(f"{PAGE}/add", {"seller": other.code}).status_code == 303
    assert own.customer.payer_accounts.filter(seller=other).exists()
    assert f"For invoices of {other.legal_name}" in text_of(client.get(PAGE))
