"""Live keys see live rows and test keys sandbox rows: each address × each world × each row."""

from decimal import Decimal

import pytest

from invoices.credit_notes import RequestedCredit, issue_credit_note
from tests.api.calls import Caller, faults, problem
from tests.api.invoice_rows import make_invoice
from tests.builders import FEB, make_customer, make_plan, offer, publish, rate, subscribe


@pytest.fixture
def worlds(seller):
    """Make the same in both worlds, and return each world's caller with the addresses of its own rows."""
    version = publish(make_plan("pro", offers=[offer("api.calls", rates=[rate("0.05")], currency="EUR")]))
    found = {}
    for sandbox in (False, True):
        customer = make_customer("acme", seller=seller, sandbox=sandbox, currency="EUR")
        own = make_customer("of test" if sandbox else "of live", seller=seller, sandbox=sandbox, currency="EUR")
        subscription = subscribe(own, version)
        invoice = make_invoice(customer)
        note = issue_credit_note(
            invoice_id=invoice.pk, lines=[RequestedCredit(1, Decimal(1))], reason="x", to="refund", at=FEB
        )
        found[sandbox] = [
            ("GET", f"/customers/{own.external_id}"),
            ("PATCH", f"/customers/{own.external_id}"),
            ("GET", f"/customers/{own.external_id}/usage"),
            ("GET", f"/subscriptions/{subscription.external_id}"),
            ("POST", f"/subscriptions/{subscription.external_id}/cancel"),
            ("GET", f"/invoices/{invoice.pk}"),
            ("GET", f"/invoices/{invoice.pk}/pdf"),
            ("GET", f"/credit-notes/{note.pk}"),
            ("GET", f"/credit-notes/{note.pk}/pdf"),
        ]
    return found


@pytest.mark.parametrize("sandbox", [False, True], ids=["live key", "test key"])
def test_rows_of_the_other_world_do_not_exist(worlds, sandbox):
    """Of the world of tests/access, every route is asked with the other world's key; here both worlds are."""
    caller = Caller(sandbox=sandbox)
    for (method, own), (_, foreign) in zip(worlds[sandbox], worlds[not sandbox], strict=True):
        problem(caller.send(method, foreign, {}), 404, "not-found")
        assert caller.send(method, own, {}).status_code in (200, 409), own


@pytest.mark.parametrize("path", ["/customers", "/subscriptions", "/invoices", "/credit-notes"])
@pytest.mark.parametrize("sandbox", [False, True], ids=["live key", "test key"])
def test_a_list_has_rows_of_its_own_world_only(worlds, sandbox, path):
    mine, theirs = (Caller(sandbox=world).get(path).json()["data"] for world in (sandbox, not sandbox))

    assert mine
    assert theirs
    assert not [one for one in mine if one in theirs]


def test_the_same_id_is_two_customers(worlds):
    told = {sandbox: Caller(sandbox=sandbox).get("/customers/acme").json()["sandbox"] for sandbox in (False, True)}

    assert told == {False: False, True: True}


def test_a_customer_of_the_other_world_cannot_be_subscribed(worlds, seller):
    body = {"customer": "of live", "plan": "pro"}

    assert faults(Caller(sandbox=True).post("/subscriptions", body)) == {"customer": "unknown"}


def test_a_filter_does_not_reach_into_the_other_world(worlds):
    assert Caller(sandbox=True).get("/subscriptions", customer="of live").json()["data"] == []
