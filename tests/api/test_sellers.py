"""Sellers over HTTP: listed, read, created and changed; a test key only reads them."""

import pytest

from customers.models import Customer, Seller
from tests.api.calls import faults, problem
from tests.builders import make_seller

BODY = {"code": "acme-gmbh", "legal_name": "Acme GmbH", "country": "DE", "currency": "EUR"}


def test_a_seller_is_created_with_the_defaults_of_the_back_office(live):
    response = live.post("/sellers", BODY)

    assert response.status_code == 201
    payload = response.json()
    assert payload == live.get("/sellers/acme-gmbh").json()
    assert (payload["grace"], payload["net_days"], payload["late_usage"]) == (3600, 14, "next_invoice")
    assert Seller.objects.get(code="acme-gmbh").currency == "EUR"


def test_fields_sent_change_and_others_stay(live):
    make_seller("acme-gmbh", legal_name="Acme GmbH", country="DE", footer="Register court Berlin")

    response = live.patch("/sellers/acme-gmbh", {"grace": 60, "iban": "DE02 1203 0000 0000 2020 51", "code": "other"})

    payload = response.json()
    assert (payload["code"], payload["grace"], payload["iban"], payload["footer"]) == (
        "acme-gmbh",
        60,
        "DE02120300000000202051",
        "Register court Berlin",
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("code", "not a slug"),
        ("country", "Germany"),
        ("currency", "XYZ"),
        ("time_zone", "Berlin"),
        ("portal_host", "https://a.example"),
        ("portal_host", "testserver.example:80"),
        ("grace", -1),
        ("grace", 60 * 86_400 + 1),
        ("net_days", 366),
        ("iban", "DE00"),
        ("bic", "SHORT"),
        ("brand_color", "blue"),
        ("late_usage", "never"),
        ("breakage", "expiry"),
    ],
)
def test_a_refusal_names_the_field(live, field, value):
    assert field in faults(live.post("/sellers", BODY | {field: value}))


@pytest.mark.parametrize("value", [{}, [], True, "x", "DE00370400440532013000"], ids=str)
@pytest.mark.parametrize("field", ["iban", "bic"])
def test_a_wrong_bank_number_names_its_field(live, field, value):
    assert set(faults(live.post("/sellers", BODY | {field: value}))) == {field}


def test_a_code_is_used_once(live):
    make_seller("acme-gmbh")
    assert "code" in faults(live.post("/sellers", BODY))


def test_a_test_key_reads_sellers_and_changes_none(sandbox):
    make_seller("acme-gmbh")
    assert sandbox.get("/sellers/acme-gmbh").status_code == 200
    problem(sandbox.post("/sellers", BODY | {"code": "new"}), 403, "scope-missing")
    problem(sandbox.patch("/sellers/acme-gmbh", {"net_days": 1}), 403, "scope-missing")


def test_a_customer_can_be_created_for_a_new_seller(live):
    live.post("/sellers", BODY)
    live.post("/customers", {"id": "c", "seller": "acme-gmbh", "legal_name": "C", "country": "DE"})
    assert Customer.objects.get().seller.code == "acme-gmbh"


def test_a_portal_domain_belongs_to_one_seller(live, settings):
    settings.PUBLIC_URL = "https://tollbook.example"
    make_seller("first", portal_host="billing.first.example")
    make_seller("second")

    assert faults(live.patch("/sellers/second", {"portal_host": "billing.first.example"})) == {"portal_host": "taken"}
    assert faults(live.patch("/sellers/second", {"portal_host": "tollbook.example"})) == {"portal_host": "refused"}
    assert live.patch("/sellers/first", {"portal_host": "billing.first.example"}).status_code == 200
    assert live.patch("/sellers/second", {"portal_host": ""}).json()["portal_host"] == ""
