"""Explanations over HTTP: sentences, parts and bridge, in the caller's or the customer's language."""

import pytest

from invoices.explanation import reader
from tests.api.calls import problem
from tests.api.invoice_rows import make_invoice
from tests.builders import make_customer
from tests.invoices.explanation.monthly_invoices import make_monthly_invoices


def usd(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "USD"}


def explanation(caller, invoice, language=""):
    headers = caller._headers() | ({"Accept-Language": language} if language else {})
    response = caller.client.get(f"/api/v1/invoices/{invoice.pk}/explanation", headers=headers)
    assert response.status_code == 200, response.content
    return response.json()


def test_parts_sum_to_the_total_and_have_their_quantities(live):
    payload = live.get(f"/invoices/{make_monthly_invoices().february.pk}/explanation").json()
    assert (payload["language"], payload["total"]) == ("en", usd("109.00"))
    assert payload["text"].startswith("$109.00 = Platform fee $99.00 + 1 extra seat $5.00 + 1.5")
    plain = {"quantity": None, "unit": "", "beyond_allowance": False}
    assert payload["parts"] == [
        {"kind": "fee", "text": "Platform fee", "label": "Platform fee", **plain, "amount": usd("99.00")},
        {
            "kind": "fee",
            "text": "1 extra seat",
            "label": "Seats",
            "quantity": "1",
            "unit": "seat",
            "beyond_allowance": True,
            "amount": usd("5.00"),
        },
        {
            "kind": "usage",
            "text": "1.5\N{NO-BREAK SPACE}M tokens",
            "label": "tokens",
            "quantity": "1500000",
            "unit": "token",
            "beyond_allowance": False,
            "amount": usd("3.00"),
        },
        {
            "kind": "usage",
            "text": "200 extra requests",
            "label": "requests",
            "quantity": "200",
            "unit": "request",
            "beyond_allowance": True,
            "amount": usd("2.00"),
        },
    ]


def test_steps_sum_to_the_difference(live):
    invoices = make_monthly_invoices()
    bridge = live.get(f"/invoices/{invoices.february.pk}/explanation").json()["bridge"]
    steps = [
        (step["effect"], step["text"], step["before"], step["after"], step["amount"]) for step in bridge.pop("steps")
    ]
    assert bridge == {
        "invoice": invoices.january.pk,
        "number": "INV-000002",
        "issue_date": "2026-02-02",
        "total": usd("102.70"),
        "difference": usd("6.30"),
        "has_same_prices": True,
    }
    assert steps == [
        ("quantity", "1 more seat", "2", "3", usd("5.00")),
        ("quantity", "25% more tokens", "1200000", "1500000", usd("0.60")),
        ("quantity", "16.3% more requests", "430", "500", usd("0.70")),
    ]


def test_the_first_invoice_has_no_bridge(live):
    assert live.get(f"/invoices/{make_monthly_invoices().opening.pk}/explanation").json()["bridge"] is None


LANGUAGES = [
    # customer's locale, Accept-Language   language, start
    ("en_US", "", "en", "$109.00 ="),
    ("de_DE", "", "de", "109,00 $ ="),
    ("de_DE", "fr", "fr", "109,00 $US ="),
    ("de_DE", "xx, es;q=0.5, en;q=0.4", "es", "109,00 US$ ="),
    ("en_US", "de-CH, en;q=0.5", "de", "109,00 $ ="),
    ("it_IT", "", "en", "109,00 US$ ="),
    ("en_US", "*", "en", "$109.00 ="),
    ("en_US", "\u0000é;;q=x", "en", "$109.00 ="),
]


@pytest.mark.parametrize(("locale", "accepted", "language", "start"), LANGUAGES)
def test_is_in_the_accepted_language_or_the_customers(live, locale, accepted, language, start):
    payload = explanation(
        live, make_monthly_invoices(locale=locale).february, accepted.encode("ascii", "ignore").decode()
    )
    assert payload["language"] == language
    assert payload["text"].replace("\N{NO-BREAK SPACE}", " ").startswith(start)


def test_a_draft_is_explained_by_its_lines(live):
    invoice = make_invoice(make_customer(currency="EUR"), issue=False)
    payload = explanation(live, invoice)
    assert payload["text"] == "€17.85 = 300 extra calls €15.00 + VAT 19% €2.85."
    assert payload["bridge"] is None


def test_too_many_lines_are_a_conflict(live, monkeypatch):
    monkeypatch.setattr(reader, "MAX_LINES", 1)
    response = live.get(f"/invoices/{make_monthly_invoices().february.pk}/explanation")
    assert "too many lines" in problem(response, 409, "conflict")["detail"]


def test_invoices_of_others_and_missing_ones_are_not_found(live, sandbox):
    invoice = make_monthly_invoices().february
    problem(sandbox.get(f"/invoices/{invoice.pk}/explanation"), 404, "not-found")
    problem(live.get("/invoices/999999/explanation"), 404, "not-found")
