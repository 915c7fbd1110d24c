"""The switch between live and sandbox rows: lists, their files and choices follow it; pages of rows don't."""

import pytest
from django.contrib import admin

from billing.models import AlertRule
from customers.models import Customer
from lib.admin.sandbox_switch import rows_of_kind
from tests.admin.test_groups_see_their_pages import address
from tests.builders import make_customer


@pytest.fixture
def customers(db):
    make_customer("live-co", legal_name="Live Company")
    make_customer("sandbox-co", legal_name="Sandbox Company", sandbox=True)


def names(client):
    page = client.get("/admin/customers/customer/").content.decode()
    return {name for name in ("Live Company", "Sandbox Company") if name in page}


def test_a_list_shows_rows_of_one_kind(member, customers):
    client = member("finance")
    assert names(client) == {"Live Company"}
    answer = client.post("/admin/switch/", {"rows": "sandbox", "next": "/admin/customers/customer/"}, follow=True)
    assert "Nothing of theirs is charged, sent or counted in a report." in answer.content.decode()
    assert names(client) == {"Sandbox Company"}
    client.post("/admin/switch/", {"rows": "live"})
    assert names(client) == {"Live Company"}


def test_the_page_of_a_row_opens_either_way(member, customers):
    client = member("finance")
    for customer in Customer.objects.all():
        assert client.get(f"/admin/customers/customer/{customer.pk}/change/").status_code == 200


def test_choices_of_forms_follow(member, customers):
    client = member("root")
    query = {"app_label": "wallets", "model_name": "wallet", "field_name": "customer", "term": "company"}
    choices = client.get("/admin/autocomplete/", query).json()["results"]
    assert [choice["text"] for choice in choices] == ["Live Company"]


@pytest.mark.parametrize("back", ["https://elsewhere.example/", "//elsewhere.example/", ""])
def test_the_way_back_stays_on_the_site(member, db, back):
    assert member("support").post("/admin/switch/", {"rows": "sandbox", "next": back}).url == "/admin/"


def test_each_row_is_of_one_kind(member, company):
    company(2)
    make_customer("sandbox-co", sandbox=True)
    client = member("root")
    for model in admin.site._registry:
        rows = model._default_manager.all()
        kinds = [rows_of_kind(rows, sandbox=sandbox) for sandbox in (False, True)]
        if kinds[0] is rows:
            continue  # shared by both
        assert sum(kind.count() for kind in kinds) == rows.count(), model._meta.label
    client.post("/admin/switch/", {"rows": "sandbox"})
    assert client.get(address(Customer._meta, "changelist")).status_code == 200


def test_rules_for_all_customers_are_live(db):
    general = AlertRule.objects.filter(customer=None)
    assert general.exists()
    assert rows_of_kind(general, sandbox=False).count() == general.count()
