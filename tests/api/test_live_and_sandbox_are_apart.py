"""Live keys see live rows and sandbox keys sandbox rows, for each address, mode and row."""

from decimal import Decimal

import pytest

from invoices.credit_notes import RequestedCredit, issue_credit_note
from tests.api.calls import Caller, faults, problem
from tests.api.invoice_rows import make_invoice
from tests.builders import FEB, make_customer, make_plan, offer, publish, rate, subscribe


@pytest.fixture
def addresses_by_mode(seller):
    """Create equal rows in live and sandbox; return the addresses of each mode's rows."""
    version = publish(make_plan("pro", offers=[offer("api.calls", rates=[rate("0.05")], currency="EUR")]))
    addresses = {}
    for sandbox in (False, True):
        customer = make_customer("acme", seller=seller, sandbox=sandbox, currency="EUR")
        own = make_customer("of test" if sandbox else "of live", seller=seller, sandbox=sandbox, currency="EUR")
        subscription = subscribe(own, version)
        invoice = make_invoice(customer)
        note = issue_credit_note(
            invoice_id=invoice.pk, lines=[RequestedCredit(1, Decimal(1))], reason="x", to="refund", at=FEB
        )
        addresses[sandbox] = [
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
    return addresses


@pytest.mark.parametrize("sandbox", [False, True], ids=["live key", "test key"])
def test_rows_of_the_other_mode_are_not_found(addresses_by_mode, sandbox):
    """tests/access requests every route with a key of the other mode; here rows exist in both modes."""
    caller = Caller(sandbox=sandbox)
    for (method, own), (_, foreign) in zip(addresses_by_mode[sandbox], addresses_by_mode[not sandbox], strict=True):
        problem(caller.send(method, foreign, {}), 404, "not-found")
        assert caller.send(method, own, {}).status_code in (200, 409), own


@pytest.mark.parametrize("path", ["/customers", "/subscriptions", "/invoices", "/credit-notes"])
@pytest.mark.parametrize("sandbox", [False, True], ids=["live key", "test key"])
def test_a_list_has_rows_of_its_mode_only(addresses_by_mode, sandbox, path):
    own_rows, foreign_rows = (Caller(sandbox=mode).get(path).json()["data"] for mode in (sandbox, not sandbox))

    assert own_rows
    assert foreign_rows
    assert not [row for row in own_rows if row in foreign_rows]


def test_the_same_id_is_two_customers(addresses_by_mode):
    modes = {sandbox: Caller(sandbox=sandbox).get("/customers/acme").json()["sandbox"] for sandbox in (False, True)}

    assert modes == {False: False, True: True}


def test_a_customer_of_the_other_mode_can_not_be_subscribed(addresses_by_mode, seller):
    body = {"customer": "of live", "plan": "pro"}

    assert faults(Caller(sandbox=True).post("/subscriptions", body)) == {"customer": "unknown"}


def test_a_filter_does_not_match_rows_of_the_other_mode(addresses_by_mode):
    assert Caller(sandbox=True).get("/subscriptions", customer="of live").json()["data"] == []
