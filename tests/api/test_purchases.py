"""Packs over HTTP: listed, bought once, paid and granted, taken back, in the caller's own world."""

import pytest

from tests.api.calls import Caller, problem
from tests.builders import make_customer, make_pack, make_wallet

pytestmark = pytest.mark.django_db


@pytest.fixture
def wallet(seller):
    make_pack("hundred", slabs=[(0, 10, 0)], prices={"EUR": 99, "USD": 110})
    return make_wallet(make_customer("acme", seller=seller, currency="EUR"), currency="EUR").pk


def buy(caller, wallet, **body):
    return caller.post(f"/wallets/{wallet}/purchases", {"pack": "hundred", "reference": "order-1", **body})


def test_the_catalog_is_listed(live, wallet):
    told = live.get("/packs").json()["data"][0]
    assert (told["code"], told["units"], told["on_sale"]) == ("hundred", "100", True)
    assert told["prices"] == [{"currency": "EUR", "price": "99"}, {"currency": "USD", "price": "110"}]
    assert told["slabs"] == [{"least": "0", "units": "10", "percent": "0"}]
    assert live.get("/packs/hundred").json() == told


def test_a_pack_is_bought_paid_and_granted_at_once(live, wallet):
    answer = buy(live, wallet, packs=2)
    told = answer.json()
    assert (answer.status_code, told["state"], told["units"], told["bonus"]) == (201, "pending", "200", "20")
    assert told["net"] == {"amount": "198.00", "currency": "EUR"}
    line = live.get(f"/invoices/{told['invoice']}").json()["lines"][0]
    assert (line["kind"], line["quantity"], line["explanation"]["bonus"]) == ("credit_pack", "2", "20")
    assert live.post(f"/invoices/{told['invoice']}/payments", {"reference": "bank"}).status_code == 201
    assert live.get(f"/purchases/{told['id']}").json()["state"] == "granted"
    assert live.get(f"/wallets/{wallet}").json()["balance"] == "220"
    assert [entry["id"] for entry in live.get(f"/wallets/{wallet}/purchases").json()["data"]] == [told["id"]]


def test_the_same_reference_is_answered_with_what_it_bought(live, wallet):
    assert buy(live, wallet).json() == buy(live, wallet).json()
    told = problem(buy(live, wallet, packs=3), 422, "unprocessable")
    assert told["errors"][0]["field"] == "reference"


def test_one_that_nobody_has_paid_is_canceled(live, wallet):
    id_ = buy(live, wallet).json()["id"]
    told = live.post(f"/purchases/{id_}/cancel", {"reason": "By mistake"}).json()
    assert (told["state"], told["reason"]) == ("canceled", "By mistake")
    assert live.get(f"/invoices/{told['invoice']}").json()["state"] == "void"
    problem(live.post(f"/purchases/{id_}/cancel", {}), 400, "invalid-fields")


REFUSED = [({"pack": "other"}, "pack"), ({"units": "5"}, "units"), ({"reference": "x" * 120, "pack": ""}, "pack")]


@pytest.mark.parametrize(("body", "field"), REFUSED)
def test_what_cannot_be_bought_is_refused_by_field(live, wallet, body, field):
    answer = buy(live, wallet, **body)
    told = problem(answer, answer.status_code, "unprocessable" if answer.status_code == 422 else "invalid-fields")
    assert [error["field"] for error in told["errors"]] == [field]


def test_what_was_granted_is_not_canceled(live, wallet):
    told = buy(live, wallet).json()
    live.post(f"/invoices/{told['invoice']}/payments", {"reference": "bank"})
    problem(live.post(f"/purchases/{told['id']}/cancel", {"reason": "No"}), 422, "unprocessable")


def test_other_worlds_and_scopes_buy_nothing(live, sandbox, wallet):
    problem(buy(sandbox, wallet), 404, "not-found")
    problem(buy(Caller(scopes=["read"]), wallet), 403, "scope-missing")
    id_ = buy(live, wallet).json()["id"]
    problem(sandbox.get(f"/purchases/{id_}"), 404, "not-found")
    problem(sandbox.post(f"/purchases/{id_}/cancel", {"reason": "No"}), 404, "not-found")
    problem(sandbox.get(f"/wallets/{wallet}/purchases"), 404, "not-found")
