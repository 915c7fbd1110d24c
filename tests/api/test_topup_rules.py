"""The automatic top-up rule of a wallet over HTTP: put whole, read, rejected with a reason, removed."""

import pytest

from tests.api.calls import Caller, faults, problem
from tests.builders import make_customer, make_pack, make_wallet

pytestmark = pytest.mark.django_db


@pytest.fixture
def wallet(seller):
    make_pack("hundred", prices={"EUR": 99})
    customer = make_customer("acme", seller=seller, currency="EUR")
    return make_wallet(customer, currency="EUR").pk


def put(caller, wallet, **rule):
    return caller.send("PUT", f"/wallets/{wallet}/topup-rule", {"pack": "hundred", "percent": "20", **rule})


def test_a_rule_is_put_read_and_put_back_unchanged(live, wallet):
    ceilings = [
        {"set_by": "customer", "span": "day", "most": 2, "most_money": None},
        {"set_by": "finance", "span": "day", "most": 3, "most_money": "500"},
    ]
    payload = put(live, wallet, ceilings=ceilings, cooldown_seconds=60, most_declines=2).json()
    assert (payload["percent"], payload["threshold"], payload["target"], payload["is_on"]) == ("20", None, None, True)
    assert (payload["ceilings"], payload["cooldown_seconds"], payload["declines"]) == (ceilings, 60, 0)
    assert live.get(f"/wallets/{wallet}/topup-rule").json() == payload
    assert live.send("PUT", f"/wallets/{wallet}/topup-rule", payload).json() == payload


def test_omitted_fields_have_their_defaults(live, wallet):
    put(live, wallet, is_on=False, ceilings=[{"span": "month", "most": 2}])
    payload = put(live, wallet).json()
    assert (payload["is_on"], payload["ceilings"], payload["payer"]) == (True, [], "invoice")


REFUSED = [
    ({"basis": "ongoing_balance"}, "basis"),
    ({"pack": "other"}, "pack"),
    ({"payer": "sandbox"}, "payer"),
]
INVALID = [
    ({"threshold": "5"}, "threshold", "invalid"),
    ({"percent": "0"}, "percent", "positive"),
    ({"percent": "1500"}, "percent", "most"),
    ({"percent": None, "threshold": "1" + "0" * 19}, "threshold", "most"),
    ({"target": "1" + "0" * 19}, "target", "most"),
    ({"ceilings": [{"span": "day"}]}, "ceilings.0.most", "invalid"),
]


@pytest.mark.parametrize(("rule", "field", "code"), INVALID)
def test_an_invalid_field_is_named(live, wallet, rule, field, code):
    assert faults(put(live, wallet, **rule)) == {field: code}


@pytest.mark.parametrize(("rule", "field"), REFUSED)
def test_a_rule_that_does_not_fit_the_wallet_names_the_field(live, wallet, rule, field):
    error = problem(put(live, wallet, **rule), 422, "unprocessable")
    assert error["errors"][0]["field"] == field
    problem(live.get(f"/wallets/{wallet}/topup-rule"), 404, "not-found")


def test_it_is_removed(live, wallet):
    put(live, wallet)
    assert live.send("DELETE", f"/wallets/{wallet}/topup-rule").status_code == 204
    problem(live.send("DELETE", f"/wallets/{wallet}/topup-rule"), 404, "not-found")
    assert live.get(f"/wallets/{wallet}/topups").json()["data"] == []


def test_sandbox_keys_and_other_scopes_see_nothing(live, sandbox, wallet):
    put(live, wallet)
    problem(sandbox.get(f"/wallets/{wallet}/topup-rule"), 404, "not-found")
    problem(put(sandbox, wallet), 404, "not-found")
    problem(sandbox.get(f"/wallets/{wallet}/topups"), 404, "not-found")
    problem(put(Caller(scopes=["read"]), wallet), 403, "scope-missing")
