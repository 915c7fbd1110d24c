"""A statement of account over HTTP: movements with the balance after each, of one of the customer's accounts."""

from decimal import Decimal

import pytest

from invoices.payments.manual_payments import record_payment
from tests.api.calls import problem
from tests.api.invoice_rows import make_invoice
from tests.builders import FEB, make_customer

ADDRESS = "/customers/acme/account-statement"


@pytest.fixture
def invoice(db):
    invoice = make_invoice(make_customer("acme", currency="EUR"))
    record_payment(invoice_id=invoice.pk, amount=Decimal(10), method="manual", reference="T-1", at=FEB)
    return invoice


def eur(amount):
    return {"amount": amount, "currency": "EUR"}


def test_movements_lead_from_the_opening_to_the_closing_balance(live, invoice):
    payload = live.get(ADDRESS, since="2026-01-01", until="2026-12-31").json()
    assert (payload["opening"], payload["closing"]) == (eur("0.00"), eur("7.85"))
    assert [(row["kind"], row["amount"], row["balance"]) for row in payload["movements"]] == [
        ("invoice", eur("17.85"), eur("17.85")),
        ("payment", eur("-10.00"), eur("7.85")),
    ]
    assert payload["movements"][1]["reference"] == "T-1"
    assert payload["movements"][0]["invoice"] == invoice.pk


def test_another_account_has_movements_of_its_own(live, invoice):
    payload = live.get(ADDRESS, since="2026-01-01", until="2026-12-31", currency="USD").json()
    assert payload["movements"] == []
    assert payload["currency"] == "USD"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"since": "2026-02-01", "until": "2026-01-01"}, "since"),
        ({"since": "2026-02-01"}, "until"),
        ({"since": "x", "until": "2026-01-01"}, "since"),
        ({"since": "2026-01-01", "until": "2026-01-31", "seller": "nobody"}, "seller"),
        ({"since": "2026-01-01", "until": "2026-01-31", "currency": "GOLD"}, "currency"),
    ],
)
def test_invalid_requests_name_their_field(live, invoice, query, field):
    payload = problem(live.get(ADDRESS, **query), 400, "invalid-fields")
    assert [error["field"] for error in payload["errors"]] == [field]
