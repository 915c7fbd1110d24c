"""Payments over HTTP: recorded once, up to the amount due, with a key of the invoice's mode."""

import pytest

from tests.api.calls import Caller, problem
from tests.api.invoice_rows import make_invoice
from tests.builders import make_customer

pytestmark = pytest.mark.django_db


@pytest.fixture
def invoice(seller):
    return make_invoice(make_customer("acme", seller=seller, currency="EUR"))


def path(invoice):
    return f"/invoices/{invoice.pk}/payments"


def test_a_payment_defaults_to_the_amount_due(live, invoice):
    first = live.post(path(invoice), {"reference": "bank-1", "amount": "10", "paid_at": "2026-02-03T10:00:00Z"})
    assert (first.status_code, first.json()["amount"]) == (201, {"amount": "10.00", "currency": "EUR"})
    payload = live.get(f"/invoices/{invoice.pk}").json()
    assert [payload[name] for name in ("state", "paid", "due")] == [
        "issued",
        {"amount": "10.00", "currency": "EUR"},
        {"amount": "7.85", "currency": "EUR"},
    ]
    rest = live.post(path(invoice), {"reference": "bank-2", "reason": "The rest"}).json()
    assert (rest["amount"]["amount"], rest["method"], rest["reason"]) == ("7.85", "manual", "The rest")
    assert live.get(f"/invoices/{invoice.pk}").json()["state"] == "paid"
    assert [entry["reference"] for entry in live.get(path(invoice)).json()["data"]] == ["bank-2", "bank-1"]


@pytest.mark.parametrize("body", [{"reference": "bank-1"}, {"reference": "bank-1", "amount": "17.85"}])
def test_a_repeated_reference_returns_the_first_payment(live, invoice, body):
    answers = [live.post(path(invoice), body).json() for _ in range(2)]
    assert answers[0] == answers[1]


def test_an_amount_above_the_due_one_is_rejected_with_the_limit(live, invoice):
    error = problem(live.post(path(invoice), {"reference": "bank", "amount": "17.86"}), 422, "unprocessable")
    assert (error["errors"][0]["field"], "up to the amount due, €17.85" in error["detail"]) == ("amount", True)
    problem(live.post(path(invoice), {"amount": "1"}), 400, "invalid-fields")


def test_sandbox_keys_and_other_scopes_can_not_record_payments(live, sandbox, invoice):
    problem(sandbox.post(path(invoice), {"reference": "bank"}), 404, "not-found")
    problem(sandbox.get(path(invoice)), 404, "not-found")
    problem(Caller(scopes=["read"]).post(path(invoice), {"reference": "bank"}), 403, "scope-missing")
