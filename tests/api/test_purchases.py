"""Credit packs over HTTP: listed, bought once, paid and granted, canceled, with a key of the wallet's mode."""

import pytest

from tests.api.calls import Caller, problem
from tests.builders import make_customer, make_pack, make_wallet
from tests.clean_books import assert_clean

pytestmark = pytest.mark.django_db


@pytest.fixture
def wallet(seller):
    make_pack("hundred", slabs=[(0, 10, 0)], prices={"EUR": 99, "USD": 110})
    return make_wallet(make_customer("acme", seller=seller, currency="EUR"), currency="EUR").pk


def buy(caller, wallet, **body):
    return caller.post(f"/wallets/{wallet}/purchases", {"pack": "hundred", "reference": "order-1", **body})


def test_the_catalog_is_listed(live, wallet):
    row = live.get("/packs").json()["data"][0]
    assert (row["code"], row["units"], row["on_sale"]) == ("hundred", "100", True)
    assert row["prices"] == [{"currency": "EUR", "price": "99"}, {"currency": "USD", "price": "110"}]
    assert row["slabs"] == [{"least": "0", "units": "10", "percent": "0"}]
    assert live.get("/packs/hundred").json() == row


def test_a_pack_is_bought_paid_and_granted_at_once(live, wallet):
    answer = buy(live, wallet, packs=2)
    payload = answer.json()
    assert (answer.status_code, payload["state"], payload["units"], payload["bonus"]) == (201, "pending", "200", "20")
    assert payload["net"] == {"amount": "198.00", "currency": "EUR"}
    line = live.get(f"/invoices/{payload['invoice']}").json()["lines"][0]
    assert (line["kind"], line["quantity"], line["explanation"]["bonus"]) == ("credit_pack", "2", "20")
    assert live.post(f"/invoices/{payload['invoice']}/payments", {"reference": "bank"}).status_code == 201
    assert live.get(f"/purchases/{payload['id']}").json()["state"] == "granted"
    assert live.get(f"/wallets/{wallet}").json()["balance"] == "220"
    assert [entry["id"] for entry in live.get(f"/wallets/{wallet}/purchases").json()["data"]] == [payload["id"]]


def test_a_repeated_reference_returns_the_first_purchase(live, wallet):
    assert buy(live, wallet).json() == buy(live, wallet).json()
    error = problem(buy(live, wallet, packs=3), 422, "unprocessable")
    assert error["errors"][0]["field"] == "reference"


def test_an_unpaid_purchase_is_canceled(live, wallet):
    id_ = buy(live, wallet).json()["id"]
    payload = live.post(f"/purchases/{id_}/cancel", {"reason": "By mistake"}).json()
    assert (payload["state"], payload["reason"]) == ("canceled", "By mistake")
    assert live.get(f"/invoices/{payload['invoice']}").json()["state"] == "void"
    problem(live.post(f"/purchases/{id_}/cancel", {}), 400, "invalid-fields")


REFUSED = [
    ({"pack": "other"}, "pack"),
    ({"features": ["other"]}, "features"),
    ({"units": "5"}, "units"),
    ({"reference": "x" * 120, "pack": ""}, "pack"),
]


@pytest.mark.parametrize(("body", "field"), REFUSED)
def test_an_invalid_purchase_names_the_field(live, wallet, body, field):
    answer = buy(live, wallet, **body)
    refusal = problem(answer, answer.status_code, "unprocessable" if answer.status_code == 422 else "invalid-fields")
    assert [error["field"] for error in refusal["errors"]] == [field]


def test_a_granted_purchase_is_not_canceled(live, wallet):
    payload = buy(live, wallet).json()
    live.post(f"/invoices/{payload['invoice']}/payments", {"reference": "bank"})
    problem(live.post(f"/purchases/{payload['id']}/cancel", {"reason": "No"}), 422, "unprocessable")


def test_sandbox_keys_and_other_scopes_can_not_buy(live, sandbox, wallet):
    problem(buy(sandbox, wallet), 404, "not-found")
    problem(buy(Caller(scopes=["read"]), wallet), 403, "scope-missing")
    id_ = buy(live, wallet).json()["id"]
    problem(sandbox.get(f"/purchases/{id_}"), 404, "not-found")
    problem(sandbox.post(f"/purchases/{id_}/cancel", {"reason": "No"}), 404, "not-found")
    problem(sandbox.get(f"/wallets/{wallet}/purchases"), 404, "not-found")


@pytest.mark.parametrize("to", ["balance", "offset"])
def test_a_purchase_is_canceled_after_a_part_was_credited(live, wallet, to):
    purchase = buy(live, wallet).json()
    lines = [{"line": 1, "amount": "5"}]
    credit = {"invoice": purchase["invoice"], "lines": lines, "reason": "Mistake", "to": to}
    assert live.post("/credit-notes", credit).status_code == 201
    assert live.post(f"/purchases/{purchase['id']}/cancel", {"reason": "x"}).json()["state"] == "canceled"
    assert_clean()


def test_a_wallet_is_closed_after_its_purchase_was_canceled(live, wallet):
    purchase = buy(live, wallet).json()
    assert "unpaid purchase" in problem(live.post(f"/wallets/{wallet}/close", {}), 422, "unprocessable")["detail"]
    live.post(f"/purchases/{purchase['id']}/cancel", {"reason": "x"})
    assert live.post(f"/wallets/{wallet}/close", {}).json()["closed_at"]
