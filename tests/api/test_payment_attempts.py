"""
Payments collected over HTTP: a card is charged once, a payment page is opened and closed, and live and sandbox are
apart.
"""

import pytest

from invoices.models import PaymentAttempt
from invoices.payments.attempts import submit_attempt
from tests.api.calls import problem
from tests.api.invoice_rows import make_invoice
from tests.builders import FEB, make_customer
from tests.stripe.cards import leave_card

pytestmark = pytest.mark.django_db

DUE = {"amount": "17.85", "currency": "EUR"}
BACK = {"back_to": "https://example.com/billing"}


@pytest.fixture
def invoice(seller):
    return make_invoice(make_customer("acme", seller=seller, currency="EUR"))


def charges(invoice):
    return f"/invoices/{invoice.pk}/charges"


def page(invoice):
    return f"/invoices/{invoice.pk}/payment-page"


def state(caller, invoice):
    return caller.get(f"/invoices/{invoice.pk}").json()["state"]


@pytest.mark.django_db(transaction=True)
def test_a_card_is_charged_and_the_response_has_the_result(live, invoice, at_stripe):
    leave_card(invoice.customer, at_stripe)
    answer = live.post(charges(invoice), {})
    payload = answer.json()
    assert (answer.status_code, payload["state"], payload["amount"], payload["page"]) == (201, "succeeded", DUE, None)
    assert state(live, invoice) == "paid"
    assert live.get(charges(invoice)).json()["data"] == [payload]


@pytest.mark.django_db(transaction=True)
def test_with_an_idempotency_key_a_card_is_charged_once_after_the_commit(live, invoice, at_stripe):
    leave_card(invoice.customer, at_stripe)
    first, repeated = (live.post(charges(invoice), {}, Idempotency_Key="order-1") for _ in range(2))
    assert (first.status_code, first.json()["state"], repeated.content) == (201, "pending", first.content)
    assert len(at_stripe.taken()) == 1
    assert [entry["state"] for entry in live.get(charges(invoice)).json()["data"]] == ["succeeded"]


def test_without_a_card_the_error_names_the_cause(live, invoice, at_stripe):
    error = problem(live.post(charges(invoice), {}), 422, "unprocessable")
    assert "no payment method" in error["detail"]
    assert not PaymentAttempt.objects.exists()


def test_an_open_payment_page_is_returned_again_until_it_is_paid(live, invoice, at_stripe, stripe_server):
    attempt, repeated = (live.post(page(invoice), BACK).json() for _ in range(2))
    assert (attempt["state"], attempt["amount"], attempt["id"], attempt["page"]) == (
        "pending",
        DUE,
        repeated["id"],
        repeated["page"],
    )
    assert attempt["page"].startswith(stripe_server.address)
    problem(live.post(f"/invoices/{invoice.pk}/void", {"reason": "Wrong"}), 422, "unprocessable")
    at_stripe.pay(at_stripe.of("checkout.session")[0])
    submit_attempt(attempt_id=attempt["id"], at=PaymentAttempt.objects.get().next_at)
    assert state(live, invoice) == "paid"


def test_a_page_is_closed_so_that_the_invoice_can_be_voided(live, invoice, at_stripe):
    live.post(page(invoice), BACK)
    assert live.send("DELETE", page(invoice)).status_code == 204
    assert [session["status"] for session in at_stripe.of("checkout.session")] == ["expired"]
    attempts = live.get(charges(invoice)).json()["data"]
    assert [(attempt["state"], attempt["page"]) for attempt in attempts] == [("canceled", None)]
    assert live.post(f"/invoices/{invoice.pk}/void", {"reason": "Wrong"}).status_code in (200, 201)
    assert live.send("DELETE", page(invoice)).status_code == 204


def test_a_payment_before_the_page_was_closed_counts(live, invoice, at_stripe):
    live.post(page(invoice), BACK)
    at_stripe.pay(at_stripe.of("checkout.session")[0])
    live.send("DELETE", page(invoice))
    assert state(live, invoice) == "paid"


def test_payment_methods_are_listed_chosen_and_removed(live, invoice, at_stripe):
    first, second = (leave_card(invoice.customer, at_stripe) for _ in range(2))
    path = "/customers/acme/payment-methods"
    assert [entry["id"] for entry in live.get(path).json()["data"] if entry["is_default"]] == [second.pk]
    chosen = live.post(f"{path}/{first.pk}", {}).json()
    assert (chosen["id"], chosen["is_default"], chosen["label"]) == (first.pk, True, "Visa 4242")
    assert live.send("DELETE", f"{path}/{first.pk}").status_code == 204
    assert [entry["id"] for entry in live.get(path).json()["data"]] == [second.pk]


def test_a_sandbox_key_sees_and_charges_nothing_live(sandbox, invoice, at_stripe):
    leave_card(invoice.customer, at_stripe)
    for answer in (
        sandbox.get(charges(invoice)),
        sandbox.post(charges(invoice), {}),
        sandbox.post(page(invoice), BACK),
        sandbox.send("DELETE", page(invoice)),
        sandbox.get("/customers/acme/payment-methods"),
    ):
        problem(answer, 404, "not-found")
    assert at_stripe.taken() == []
    assert invoice.issued_at == FEB
