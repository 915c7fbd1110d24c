"""Tax of a customer over HTTP: the taxes, why a VAT id does not count, and the result of the last check."""

import pytest

from customers.models import Customer
from invoices.tax.vat_id_check import TaxNumberCheckResult
from tests.builders import make_customer, make_seller, make_tax

pytestmark = pytest.mark.django_db

checked_numbers: list[tuple[str, str]] = []


def check_number(country: str, number: str) -> TaxNumberCheckResult:
    checked_numbers.append((country, number))
    if number.endswith("9"):
        raise ConnectionError("no route to host")
    return TaxNumberCheckResult(is_valid=False, proof="WAPI-1")


@pytest.fixture
def customer() -> Customer:
    seller = make_seller("berlin", country="DE")
    make_tax("20", seller=seller, country="FR")
    return make_customer("acme", seller=seller, country="FR", tax_number="FR40303265045")


def test_a_vat_id_counts_until_a_check_finds_it_unused(live, customer, settings):
    settings.TAX_NUMBER_CHECK = f"{__name__}.check_number"
    payload = live.get("/customers/acme/tax").json()
    assert (payload["taxes"][0]["rate"], payload["problem"], payload["checked_at"]) == ("0", "", None)
    payload = live.post("/customers/acme/tax/check", {}).json()
    assert checked_numbers[-1] == ("FR", "FR40303265045")
    assert (payload["taxes"][0]["rate"], payload["is_valid"], payload["proof"]) == ("20", False, "WAPI-1")
    assert payload["problem"].startswith("“FR40303265045” is invalid, according to the online check.")
    assert payload["checked_at"]
    live.patch("/customers/acme", {"tax_number": "FR83404833048"})
    payload = live.get("/customers/acme/tax").json()
    assert (payload["taxes"][0]["rate"], payload["is_valid"], payload["checked_at"]) == ("0", None, None)


def test_an_invalid_vat_id_is_reported_and_the_customer_is_taxed(live, customer):
    live.patch("/customers/acme", {"tax_number": "FR41303265045"})
    payload = live.get("/customers/acme/tax").json()
    assert payload["taxes"][0]["rate"] == "20"
    assert "is not a valid VAT ID of FR" in payload["problem"]


def test_without_an_answer_nothing_changes(live, customer, settings):
    refused = live.post("/customers/acme/tax/check", {})
    assert (refused.status_code, "TAX_NUMBER_CHECK" in refused.json()["detail"]) == (422, True)
    settings.TAX_NUMBER_CHECK = f"{__name__}.check_number"
    Customer.objects.update(tax_number="FR99999999999")
    assert "no route to host" in live.post("/customers/acme/tax/check", {}).json()["detail"]
    customer.refresh_from_db()
    assert customer.tax_number_checked_at is None
