"""Invoices over HTTP: their amounts, the calculation of each line, and the PDF."""

from hashlib import sha256

import pytest
from django.utils import timezone

from invoices.models import Rendering
from invoices.rendering import renderer
from tests.api.calls import problem
from tests.api.invoice_rows import PARTS, make_invoice
from tests.builders import make_customer

FILE = b"%PDF-1.7 an invoice"


@pytest.fixture
def acme(seller):
    return make_customer("acme", seller=seller, currency="EUR")


@pytest.fixture
def invoice(acme):
    return make_invoice(acme)


def test_an_invoice_shows_its_amounts(live, invoice):
    payload = live.get(f"/invoices/{invoice.pk}").json()

    assert (payload["number"], payload["state"], payload["customer"], payload["seller"]) == (
        "INV-00001",
        "issued",
        "acme",
        "acme-inc",
    )
    assert [payload[name] for name in ("net", "tax", "total")] == [
        {"amount": "15.00", "currency": "EUR"},
        {"amount": "2.85", "currency": "EUR"},
        {"amount": "17.85", "currency": "EUR"},
    ]
    assert (payload["issue_date"], payload["period_start"]) == ("2026-02-01", "2026-01-01T00:00:00Z")
    assert payload["taxes"] == [
        {
            "name": "VAT",
            "rate": "19",
            "reason": "",
            "taxable": {"amount": "15.00", "currency": "EUR"},
            "amount": {"amount": "2.85", "currency": "EUR"},
        }
    ]


def test_a_line_explains_its_amount(live, invoice):
    line = live.get(f"/invoices/{invoice.pk}").json()["lines"][0]

    assert (line["description"], line["quantity"], line["unit"], line["amount"]["amount"]) == (
        "API calls",
        "500",
        "call",
        "15.00",
    )
    assert line["explanation"]["parts"] == PARTS


def test_a_draft_has_no_number(live, acme):
    draft = make_invoice(acme, issue=False)

    payload = live.get(f"/invoices/{draft.pk}").json()

    assert payload["state"] == "draft"
    assert {payload[name] for name in ("number", "issued_at", "due_date", "pdf_link")} == {None}


def test_invoices_are_found_by_customer_state_and_number(live, invoice, acme, seller):
    other = make_invoice(make_customer("other", seller=seller, currency="EUR"), issue=False)

    def ids(**query):
        return [entry["id"] for entry in live.get("/invoices", **query).json()["data"]]

    assert ids() == [other.pk, invoice.pk]
    assert ids(customer="acme") == [invoice.pk]
    assert ids(state="draft") == [other.pk]
    assert ids(number="INV-00001") == [invoice.pk]


def test_the_list_leaves_the_lines_out(live, invoice):
    assert "lines" not in live.get("/invoices").json()["data"][0]


def test_the_pdf_is_the_stored_rendering(live, invoice):
    digest = sha256(FILE).hexdigest()
    Rendering.objects.create(invoice=invoice, content=FILE, sha256=digest, rendered_at=timezone.now())

    response = live.get(f"/invoices/{invoice.pk}/pdf")

    assert response.content == FILE
    assert response["Content-Type"] == "application/pdf"
    assert response["Content-Disposition"] == 'attachment; filename="INV-00001.pdf"'
    assert "no-store" in response["Cache-Control"]
    assert response["ETag"] == f'"{digest}"'
    assert response["X-Content-Type-Options"] == "nosniff"


def test_the_customer_gets_the_pdf_by_its_link_without_a_key(live, client, invoice):
    Rendering.objects.create(
        invoice=invoice, content=FILE, sha256=sha256(FILE).hexdigest(), rendered_at=timezone.now()
    )
    link = live.get(f"/invoices/{invoice.pk}").json()["pdf_link"]

    assert link.startswith("http://testserver/invoices/")
    response = client.get(link.removeprefix("http://testserver"))
    assert b"".join(response) == FILE


def test_a_missing_pdf_is_rendered_on_request(live, invoice):
    response = live.get(f"/invoices/{invoice.pk}/pdf")

    assert response.content.startswith(b"%PDF-")
    assert response.content == live.get(f"/invoices/{invoice.pk}/pdf").content
    assert Rendering.objects.get().content is not None


def test_a_failed_rendering_gives_a_retry_time_and_no_internals(live, invoice, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("/secret/path")

    monkeypatch.setattr(renderer, "render", fail)

    response = live.get(f"/invoices/{invoice.pk}/pdf")

    problem(response, 409, "not-ready")
    assert int(response["Retry-After"]) > 0
    assert b"secret" not in response.content


def test_a_draft_has_no_file(live, acme):
    response = live.get(f"/invoices/{make_invoice(acme, issue=False).pk}/pdf")

    assert "draft" in problem(response, 409, "not-ready")["detail"]
    assert "Retry-After" not in response
