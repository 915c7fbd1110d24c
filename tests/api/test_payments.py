"""Payments over HTTP: recorded once, up to what is due, in the caller's own world."""

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


def test_all_that_is_due_is_paid_unless_said_otherwise(live, invoice):
    first = live.post(path(invoice), {"reference": "bank-1", "amount": "10", "paid_at": "2026-02-03T10:00:00Z"})
    assert (first.status_code, first.json()["amount"]) == (201, {"amount": "10.00", "currency": "EUR"})
    shown = live.get(f"/invoices/{invoice.pk}").json()
    assert [shown[name] for name in ("state", "paid", "due")] == [
        "issued",
        {"amount": "10.00", "currency": "EUR"},
        {"amount": "7.85", "currency": "EUR"},
    ]
    rest = live.post(path(invoice), {"reference": "bank-2", "reason": "The rest"}).json()
    assert (rest["amount"]["amount"], rest["method"], rest["reason"]) == ("7.85", "manual", "The rest")
    assert live.get(f"/invoices/{invoice.pk}").json()["state"] == "paid"
    assert [entry["reference"] for entry in live.get(path(invoice)).json()["data"]] == ["bank-2", "bank-1"]


@pytest.mark.parametrize("body", [{"reference": "bank-1"}, {"reference": "bank-1", "amount": "17.85"}])
def test_the_same_reference_again_is_answered_as_the_first_time(live, invoice, body):
    answers = [live.post(path(invoice), body).json() for _ in range(2)]
    assert answers[0] == answers[1]


def test_what_cannot_be_paid_is_refused_with_what_can(live, invoice):
    told = problem(live.post(path(invoice), {"reference": "bank", "amount": "17.86"}), 422, "unprocessable")
    assert (told["errors"][0]["field"], "€17.85 is due" in told["detail"]) == ("amount", True)
    problem(live.post(path(invoice), {"amount": "1"}), 400, "invalid-fields")


def test_other_worlds_and_other_scopes_pay_nothing(live, sandbox, invoice):
    problem(sandbox.post(path(invoice), {"reference": "bank"}), 404, "not-found")
    problem(sandbox.get(path(invoice)), 404, "not-found")
    problem(Caller(scopes=["read"]).post(path(invoice), {"reference": "bank"}), 403, "scope-missing")
