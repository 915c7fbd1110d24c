"""Metadata and tags over HTTP: of customers, subscriptions and invoices."""

import pytest

from customers.models import Customer
from invoices.models import Invoice, InvoiceLabels
from invoices.models.invoices import InvoiceState
from tests.api.calls import faults, problem
from tests.api.invoice_rows import make_invoice
from tests.builders import make_customer, make_plan, offer, publish, rate, subscribe

LABELS = {"metadata": {"crm_id": "0061k", "team": "emea"}, "tags": ["launch", "pilot"]}


@pytest.fixture
def acme(seller):
    return make_customer("acme", seller=seller, currency="EUR")


@pytest.fixture
def paths(acme):
    """Return kind → the address of a row."""
    invoice = make_invoice(acme)
    version = publish(make_plan("pro", offers=[offer("api.calls", rates=[rate("0.01")], currency="EUR")]))
    subscription = subscribe(acme, version)
    return {
        "customers": "/customers/acme",
        "subscriptions": f"/subscriptions/{subscription.external_id}",
        "invoices": f"/invoices/{invoice.pk}",
    }


KINDS = pytest.mark.parametrize("kind", ["customers", "subscriptions", "invoices"])


@KINDS
def test_they_are_empty_at_first(live, paths, kind):
    payload = live.get(paths[kind]).json()
    assert (payload["metadata"], payload["tags"]) == ({}, [])


@KINDS
def test_a_change_is_merged_by_key(live, paths, kind):
    assert live.patch(paths[kind], LABELS).status_code == 200
    live.patch(paths[kind], {"metadata": {"team": None, "po": "7"}})
    payload = live.get(paths[kind]).json()
    assert payload["metadata"] == {"crm_id": "0061k", "po": "7"}
    assert payload["tags"] == ["launch", "pilot"]


@KINDS
def test_tags_are_replaced_and_stored_once(live, paths, kind):
    live.patch(paths[kind], LABELS)
    assert live.patch(paths[kind], {"tags": ["b", "a", "b"]}).json()["tags"] == ["a", "b"]


@KINDS
def test_each_wrong_key_is_named(live, paths, kind):
    body = {"metadata": {"fine": "1", "seats": 5, "a:b": "x"}, "tags": ["Upper"]}
    refused = problem(live.patch(paths[kind], body), 400, "invalid-fields")
    assert {fault["field"] for fault in refused["errors"]} == {"metadata.seats", "metadata.a:b", "tags.0"}


@KINDS
def test_a_merge_can_hold_fifty_keys(live, paths, kind):
    live.patch(paths[kind], {"metadata": {f"k{number}": "" for number in range(50)}})
    refused = problem(live.patch(paths[kind], {"metadata": {"more": ""}}), 400, "invalid-fields")
    assert "51 keys; 50 are allowed" in refused["detail"]
    assert live.patch(paths[kind], {"metadata": {"more": "", "k0": None}}).status_code == 200


@KINDS
def test_lists_are_filtered(live, paths, kind):
    live.patch(paths[kind], LABELS)

    def count(query):
        return len(live.get(f"/{kind}", **query).json()["data"])

    assert count({"tag": "pilot"}) == 1
    assert count({"tag": ["pilot", "launch"]}) == 1
    assert count({"tag": ["pilot", "absent"]}) == 0
    assert count({"metadata[crm_id]": "0061k"}) == 1
    assert count({"metadata[crm_id]": "0061k", "metadata[team]": "apac"}) == 0
    assert count({"tag": "pilot", "metadata[team]": "emea"}) == 1


@pytest.mark.parametrize("query", [{"tag": "Not A Tag"}, {"metadata[a:b]": "x"}, {"metadata": "x"}])
def test_an_impossible_filter_is_refused(live, paths, query):
    [(name, _code)] = faults(live.get("/customers", **query)).items()
    assert name in query


def test_a_list_without_labels_does_not_know_the_filter(live, paths):
    problem(live.get("/plans", tag="pilot"), 400, "invalid-fields")


def test_rows_are_created_with_them(live, seller, paths):
    customer = live.post("/customers", {"id": "new", "legal_name": "New", "country": "DE", **LABELS}).json()
    assert LABELS.items() <= customer.items()
    created = live.post("/subscriptions", {"id": "new-pro", "customer": "new", "plan": "pro", **LABELS})
    assert created.status_code == 201, created.content
    assert LABELS.items() <= created.json().items()
    lines = [{"description": "Work", "unit_price": "10"}]
    invoice = live.post("/invoices", {"customer": "new", "lines": lines, **LABELS}).json()
    assert LABELS.items() <= invoice.items()


def test_a_replaced_draft_keeps_labels_that_are_not_sent(live, paths):
    body = {"id": "new-draft", "customer": "acme", "plan": "pro", "draft": True, "named": True}
    live.post("/subscriptions", {**body, **LABELS})
    replaced = live.send("PUT", "/subscriptions/new-draft/draft", {**body, "tags": ["other"]}).json()
    assert (replaced["metadata"], replaced["tags"]) == (LABELS["metadata"], ["other"])


def test_an_issued_invoice_changes_by_nothing_else(live, paths):
    problem(live.patch(paths["invoices"], {"note": "No"}), 422, "unprocessable")
    problem(live.patch(paths["invoices"], {"note": "No", **LABELS}), 422, "unprocessable")
    assert not InvoiceLabels.objects.exists()
    assert live.patch(paths["invoices"], LABELS).status_code == 200
    assert Invoice.objects.get().state == InvoiceState.ISSUED


def test_a_discarded_draft_takes_them_along(live, acme):
    lines = [{"description": "Work", "unit_price": "10"}]
    draft = live.post("/invoices", {"customer": "acme", "lines": lines, **LABELS}).json()
    assert live.send("DELETE", f"/invoices/{draft['id']}").status_code == 204
    assert not InvoiceLabels.objects.exists()


def test_the_history_records_a_change(live, paths):
    live.patch(paths["customers"], LABELS)
    live.patch(paths["invoices"], LABELS)
    customer = Customer.objects.get()
    assert customer.events.latest("pgh_id").tags == LABELS["tags"]
    event = InvoiceLabels.objects.get().events.get()
    assert (event.metadata, event.pgh_context.metadata["action"]) == (LABELS["metadata"], "change labels")
