"""What customers have to come, over HTTP: listed, paid out once and no further, recorded when a bank has paid it."""

import pytest

from tests.api.calls import problem
from tests.api.documents import make_invoice
from tests.builders import make_customer

pytestmark = pytest.mark.django_db

EUR_10 = {"amount": "10.00", "currency": "EUR"}


@pytest.fixture
def credited(seller, live):
    """Make an invoice that is paid, and credited to the balance: 17.85 EUR."""
    invoice = make_invoice(make_customer("acme", seller=seller, currency="EUR"))
    live.post(f"/invoices/{invoice.pk}/payments", {"reference": "bank"})
    live.post("/credit-notes", {"invoice": invoice.pk, "reason": "Goodwill", "to": "balance"})
    return invoice


def pay_out(caller, **body):
    return caller.post("/customers/acme/balances/payouts", {"amount": "10", "currency": "EUR", **body})


def test_a_balance_and_its_movements_are_listed(live, credited):
    assert live.get("/customers/acme/balances").json()["data"] == [{"amount": {"amount": "17.85", "currency": "EUR"}}]
    entry = live.get("/customers/acme/balances/entries").json()["data"][0]
    assert (entry["amount"], entry["after"]) == ({"amount": "17.85", "currency": "EUR"},) * 2
    assert entry["document"]


def test_it_is_paid_out_and_recorded_when_the_bank_has_done_it(live, credited):
    refund = pay_out(live)
    told = refund.json()
    assert (refund.status_code, told["state"], told["amount"], told["provider"]) == (201, "pending", EUR_10, "manual")
    paid = live.post(f"/refunds/{told['id']}/paid", {"reference": "SEPA 42"}).json()
    assert (paid["state"], paid["ref"]) == ("succeeded", "SEPA 42")
    assert live.get("/refunds", customer="acme", state="succeeded").json()["data"] == [paid]
    assert live.get("/customers/acme/balances").json()["data"][0]["amount"]["amount"] == "7.85"


@pytest.mark.parametrize("amount", ["17.86", "0", "0.001"])
def test_what_is_not_there_is_not_paid_out(live, credited, amount):
    told = problem(pay_out(live, amount=amount), 422, "unprocessable")
    assert (told["errors"][0]["field"], "€17.85" in told["detail"]) == ("amount", True)
    assert live.get("/refunds").json()["data"] == []


def test_another_world_pays_nothing_out(sandbox, live, credited):
    problem(pay_out(sandbox), 404, "not-found")
    refund = pay_out(live).json()["id"]
    problem(sandbox.post(f"/refunds/{refund}/paid", {"reference": "x"}), 404, "not-found")
    assert sandbox.get("/refunds").json()["data"] == []
