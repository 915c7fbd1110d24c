"""Customers over HTTP: created, read and changed; only writable fields can be set."""

import pytest

from customers.models import Customer
from tests.api.calls import faults, problem
from tests.builders import make_customer, make_seller

BODY = {"id": "acme", "legal_name": "Acme GmbH", "country": "DE"}


def test_omitted_fields_default_to_those_of_the_seller(live, seller):
    response = live.post("/customers", BODY)

    assert response.status_code == 201
    assert response.json() == live.get("/customers/acme").json()
    payload = response.json()
    assert (payload["seller"], payload["currency"], payload["time_zone"], payload["locale"], payload["sandbox"]) == (
        "acme-inc",
        "EUR",
        "Europe/Berlin",
        "de_DE",
        False,
    )
    assert payload["created_at"].endswith("Z")


def test_every_writable_field_can_be_set(live, seller):
    body = BODY | {
        "seller": "acme-inc",
        "currency": "USD",
        "time_zone": "Asia/Kathmandu",
        "locale": "en_US",
        "email": "billing@acme.example",
        "address_line1": "Main Street 1",
        "address_line2": "Back",
        "postal_code": "10115",
        "city": "Berlin",
        "region": "BE",
        "tax_number": "DE123456789",
        "purchase_order": "PO 7",
        "tax_exemption": "Reverse charge",
    }

    payload = live.post("/customers", body).json()

    assert body.items() <= payload.items()


def test_with_several_sellers_one_must_be_named(live, seller):
    make_seller("other")

    assert faults(live.post("/customers", BODY)) == {"seller": "required"}
    assert live.post("/customers", BODY | {"seller": "other"}).json()["seller"] == "other"


@pytest.mark.django_db
def test_without_a_seller_there_is_no_customer(live):
    assert faults(live.post("/customers", BODY)) == {"seller": "required"}


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("id", "", "blank"),
        ("id", "a/b", "address"),
        ("id", " a", "address"),
        ("id", "..", "address"),
        ("id", "a\nb", "address"),
        ("id", "x" * 201, "max_length"),
        ("id", None, "null"),
        ("id", {}, "invalid"),
        ("country", "Germany", "max_length"),
        ("country", "de", "invalid"),
        ("email", "nobody", "invalid"),
        ("currency", "EURO", "invalid_choice"),
        ("currency", "DEM", "invalid_choice"),
        ("currency", "XAU", "invalid_choice"),
        ("time_zone", "Berlin", "invalid"),
        ("time_zone", "../etc/passwd", "invalid"),
        ("locale", "German", "locale"),
        ("seller", "nobody", "does_not_exist"),
        ("seller", {"code": "x"}, "does_not_exist"),
        ("legal_nam", "typo", "unknown"),
    ],
)
def test_a_field_that_is_wrong_is_named(live, seller, field, value, code):
    assert faults(live.post("/customers", BODY | {field: value})) == {field: code}
    assert not Customer.objects.exists()


@pytest.mark.parametrize("name", ["org 1", "a.b", "user@example.com", "客户-1", "a:b;c,d", "…"])
def test_an_id_in_any_script_works_in_the_url(live, seller, name):
    assert live.post("/customers", BODY | {"id": name}).status_code == 201
    assert live.get(f"/customers/{name}").json()["id"] == name


def test_a_change_updates_only_the_fields_sent(live, seller):
    before = live.post("/customers", BODY | {"city": "Berlin"}).json()

    after = live.patch("/customers/acme", {"legal_name": "Acme AG", "email": "x@acme.example"})

    assert after.json() == before | {"legal_name": "Acme AG", "email": "x@acme.example"}
    assert live.get("/customers/acme").json() == after.json()


def test_changes_of_two_fields_by_two_callers_are_both_kept(live, seller):
    make_customer("acme", seller=seller)
    stale = Customer.objects.get()

    live.patch("/customers/acme", {"city": "Berlin"})
    live.patch("/customers/acme", {"region": "BE"})

    stale.refresh_from_db()
    assert (stale.city, stale.region) == ("Berlin", "BE")


def test_a_change_that_is_empty_changes_nothing(live, seller):
    before = live.post("/customers", BODY).json()

    assert live.patch("/customers/acme", {}).json() == before


READ_ONLY = {
    "id": "other",
    "seller": "other",
    "currency": "JPY",
    "time_zone": "UTC",
    "sandbox": True,
    "created_at": "2020-01-01T00:00:00Z",
}


@pytest.mark.parametrize(("field", "value"), READ_ONLY.items())
def test_a_field_that_is_set_once_is_not_changed(live, seller, field, value):
    before = live.post("/customers", BODY).json()
    make_seller("other")

    assert live.patch("/customers/acme", {field: value}).json() == before


@pytest.mark.parametrize(("field", "value"), [("sandbox", True), ("created_at", "2020-01-01T00:00:00Z")])
def test_a_read_only_field_of_a_new_customer_is_ignored(live, seller, field, value):
    payload = live.post("/customers", BODY | {field: value}).json()

    assert payload[field] != value


@pytest.mark.parametrize("field", ["pk", "external_id", "seller_id", "subscriptions", "invoices", "pgh_id", "_state"])
def test_no_other_field_of_the_row_is_within_reach(live, seller, field):
    assert faults(live.post("/customers", BODY | {field: 1})) == {field: "unknown"}
    make_customer("other", seller=seller)
    assert faults(live.patch("/customers/other", {field: 1})) == {field: "unknown"}


def test_the_history_says_which_key_changed_a_customer(live, seller):
    live.post("/customers", BODY)
    live.patch("/customers/acme", {"city": "Berlin"})

    contexts = Customer.objects.get().events.order_by("pk").values_list("pgh_context__metadata", flat=True)
    assert [context["api_key"] for context in contexts] == [live.key.prefix] * 2


def test_an_unknown_customer_is_not_found(live):
    problem(live.get("/customers/nobody"), 404, "not-found")
