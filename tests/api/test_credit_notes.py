"""Credit notes over HTTP: for lines or for the whole invoice, issued once, and never above the invoiced amount."""

import pytest

from invoices.models import Invoice
from tests.api.calls import Caller, faults, problem
from tests.api.invoice_rows import make_invoice
from tests.builders import make_customer

WHOLE = {"reason": "Sent to the wrong company", "to": "offset"}


@pytest.fixture
def invoice(seller):
    return make_invoice(make_customer("acme", seller=seller, currency="EUR"))


def amounts(payload, *names):
    return [payload[name]["amount"] for name in names]


def test_part_of_a_line_is_credited(live, invoice):
    body = {"invoice": invoice.pk, "lines": [{"line": 1, "amount": "5.00"}], "reason": "Outage", "to": "balance"}
    answer = live.post("/credit-notes", body)
    note = answer.json()
    assert answer.status_code == 201
    assert (note["number"], note["invoice"], note["reason"], note["to"]) == (
        "CN-000001",
        invoice.pk,
        "Outage",
        "balance",
    )
    assert amounts(note, "net", "tax", "total") == ["5.00", "0.95", "5.95"]
    assert [(line["line"], line["amount"]["amount"], line["tax_rate"]) for line in note["lines"]] == [
        (1, "5.00", "19")
    ]
    payload = live.get(f"/invoices/{invoice.pk}").json()
    assert (payload["state"], *amounts(payload, "total", "credited", "due")) == ("issued", "17.85", "5.95", "11.90")


def test_a_repeated_request_credits_an_invoice_once(live, invoice):
    body = {"invoice": invoice.pk, **WHOLE}
    first, second = (live.post("/credit-notes", body, Idempotency_Key="k") for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert live.get(f"/invoices/{invoice.pk}").json()["state"] == "void"


def test_an_amount_above_the_creditable_one_is_rejected_with_the_limit(live, invoice):
    lines = [{"line": 1, "amount": "15.01"}]
    error = problem(
        live.post("/credit-notes", {"invoice": invoice.pk, "lines": lines, **WHOLE}), 422, "unprocessable"
    )
    assert error["errors"][0]["field"] == "lines.0.amount"
    assert "you can credit up to €15.00" in error["detail"]
    assert Invoice.objects.count() == 1


REFUSED = [
    # body                                      field
    ({"invoice": 999_999, **WHOLE}, "invoice"),
    ({"reason": "x", "to": "balance"}, "invoice"),
    ({"invoice": 1, "to": "balance"}, "reason"),
    ({"invoice": 1, "reason": "x", "to": "cash"}, "to"),
    ({"invoice": 1, "lines": [], **WHOLE}, "lines.non_field_errors"),
    ({"invoice": 1, "lines": [{"line": 1, "amount": "-1"}], **WHOLE}, "lines.0.amount"),
    ({"invoice": 1, "line": 1, **WHOLE}, "line"),
]


@pytest.mark.parametrize(("body", "field"), REFUSED)
def test_missing_and_invalid_fields_are_named(live, invoice, body, field):
    body = body | {"invoice": invoice.pk} if body.get("invoice") == 1 else body
    faulty_fields = faults(live.post("/credit-notes", body))
    assert field.removesuffix(".non_field_errors") in faulty_fields


def test_they_are_listed_apart_from_invoices_by_customer_and_invoice(live, invoice):
    note = live.post("/credit-notes", {"invoice": invoice.pk, **WHOLE}).json()
    assert [entry["id"] for entry in live.get("/invoices").json()["data"]] == [invoice.pk]
    problem(live.get(f"/invoices/{note['id']}"), 404, "not-found")
    for query in ({}, {"customer": "acme"}, {"invoice": invoice.number}, {"number": note["number"]}):
        assert [entry["id"] for entry in live.get("/credit-notes", **query).json()["data"]] == [note["id"]]
    assert live.get("/credit-notes", customer="other").json()["data"] == []


def test_the_file_is_a_credit_note(live, invoice):
    note = live.post("/credit-notes", {"invoice": invoice.pk, **WHOLE}).json()
    answer = live.get(f"/credit-notes/{note['id']}/pdf")
    assert (answer["Content-Type"], answer.content[:5]) == ("application/pdf", b"%PDF-")


def test_reading_does_not_credit(invoice):
    problem(Caller(scopes=["read"]).post("/credit-notes", {"invoice": invoice.pk, **WHOLE}), 403, "scope-missing")
