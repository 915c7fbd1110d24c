"""Customer balances over HTTP: listed, paid out up to the balance, and recorded as paid once the bank has paid."""

import pytest

from tests.api.calls import problem
from tests.api.invoice_rows import make_invoice
from tests.builders import make_customer

pytestmark = pytest.mark.django_db

EUR_10 = {"amount": "10.00", "currency": "EUR"}


@pytest.fixture
def credited(seller, live):
    """Create a paid invoice of 17.85 EUR that is credited to the customer balance."""
    invoice = make_invoice(make_customer("acme", seller=seller, currency="EUR"))
    live.post(f"/invoices/{invoice.pk}/payments", {"reference": "bank"})
    live.post("/credit-notes", {"invoice": invoice.pk, "reason": "Goodwill", "to": "balance"})
    return invoice


def pay_out(caller, **body):
    return caller.post("/customers/acme/balances/payouts", {"amount": "10", "currency": "EUR", **body})


def test_a_balance_and_its_movements_are_listed(live, credited):
    assert live.get("/customers/acme/balances").json()["data"] == [
        {"seller": "acme-inc", "amount": {"amount": "17.85", "currency": "EUR"}}
    ]
    entry = live.get("/customers/acme/balances/entries").json()["data"][0]
    assert (entry["amount"], entry["after"]) == ({"amount": "17.85", "currency": "EUR"},) * 2
    assert entry["document"]


def test_a_payout_is_recorded_as_paid_with_the_banks_reference(live, credited):
    refund = pay_out(live)
    payload = refund.json()
    assert (refund.status_code, payload["state"], payload["amount"], payload["provider"]) == (
        201,
        "pending",
        EUR_10,
        "manual",
    )
    paid = live.post(f"/refunds/{payload['id']}/paid", {"reference": "SEPA 42"}).json()
    assert (paid["state"], paid["ref"]) == ("succeeded", "SEPA 42")
    assert live.get("/refunds", customer="acme", state="succeeded").json()["data"] == [paid]
    assert live.get("/customers/acme/balances").json()["data"][0]["amount"]["amount"] == "7.85"


@pytest.mark.parametrize("amount", ["17.86", "0.001"])
def test_an_amount_above_the_balance_is_not_paid_out(live, credited, amount):
    error = problem(pay_out(live, amount=amount), 422, "unprocessable")
    assert (error["errors"][0]["field"], "€17.85" in error["detail"]) == ("amount", True)
    assert live.get("/refunds").json()["data"] == []


def test_a_sandbox_key_can_not_pay_out_live_balances(sandbox, live, credited):
    problem(pay_out(sandbox), 404, "not-found")
    refund = pay_out(live).json()["id"]
    problem(sandbox.post(f"/refunds/{refund}/paid", {"reference": "x"}), 404, "not-found")
    assert sandbox.get("/refunds").json()["data"] == []
