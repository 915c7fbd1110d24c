"""How a customer is taxed, over HTTP: which taxes, why a VAT id does not count, and what a check has said."""

import pytest

from customers.models import Customer
from invoices.tax.vat_id_check import TaxNumberCheckResult
from tests.builders import make_customer, make_seller, make_tax

pytestmark = pytest.mark.django_db

asked: list[tuple[str, str]] = []


def ask(country: str, number: str) -> TaxNumberCheckResult:
    asked.append((country, number))
    if number.endswith("9"):
        raise ConnectionError("no route to host")
    return TaxNumberCheckResult(is_valid=False, proof="WAPI-1")


@pytest.fixture
def customer() -> Customer:
    seller = make_seller("berlin", country="DE")
    make_tax("20", seller=seller, country="FR")
    return make_customer("acme", seller=seller, country="FR", tax_number="FR40303265045")


def test_a_vat_id_counts_until_a_check_says_that_it_is_not_in_use(live, customer, settings):
    settings.TAX_NUMBER_CHECK = f"{__name__}.ask"
    found = live.get("/customers/acme/tax").json()
    assert (found["taxes"][0]["rate"], found["problem"], found["checked_at"]) == ("0", "", None)
    found = live.post("/customers/acme/tax/check", {}).json()
    assert asked[-1] == ("FR", "FR40303265045")
    assert (found["taxes"][0]["rate"], found["is_valid"], found["proof"]) == ("20", False, "WAPI-1")
    assert found["problem"].startswith("“FR40303265045” was looked up, and is not in use.")
    assert found["checked_at"]
    live.patch("/customers/acme", {"tax_number": "FR83404833048"})
    found = live.get("/customers/acme/tax").json()
    assert (found["taxes"][0]["rate"], found["is_valid"], found["checked_at"]) == ("0", None, None)


def test_a_wrong_vat_id_is_taxed_and_told(live, customer):
    live.patch("/customers/acme", {"tax_number": "FR41303265045"})
    found = live.get("/customers/acme/tax").json()
    assert found["taxes"][0]["rate"] == "20"
    assert "is no VAT id of FR" in found["problem"]


def test_without_an_answer_nothing_changes(live, customer, settings):
    refused = live.post("/customers/acme/tax/check", {})
    assert (refused.status_code, "TAX_NUMBER_CHECK" in refused.json()["detail"]) == (422, True)
    settings.TAX_NUMBER_CHECK = f"{__name__}.ask"
    Customer.objects.update(tax_number="FR99999999999")
    assert "no route to host" in live.post("/customers/acme/tax/check", {}).json()["detail"]
    customer.refresh_from_db()
    assert customer.tax_number_checked_at is None
