"""Coupons over HTTP: listed, applied, shown with their use, removed, and rejected with a reason."""

import pytest
from django.utils import timezone

from tests.api.calls import Caller, faults, problem
from tests.builders import fee, make_coupon, make_customer, make_plan, publish, subscribe

HERE = "/subscriptions/acme-pro/coupons"


@pytest.fixture
def acme(seller):
    version = publish(make_plan("pro", fees=[fee("60", currency="EUR")]))
    customer = make_customer("acme", seller=seller, currency="EUR")
    return subscribe(customer, version, starts_at=timezone.now(), external_id="acme-pro")


def test_the_catalog_is_listed(live):
    make_coupon("SPRING", percent="12.5", duration="periods", periods=3)
    row = live.get("/coupons").json()["data"][0]
    assert (row["code"], row["percent"], row["amount"], row["duration"], row["periods"]) == (
        "SPRING",
        "12.5",
        None,
        "periods",
        3,
    )
    assert live.get("/coupons/SPRING").json() == row


def test_a_coupon_is_applied_in_any_letter_case_and_listed(live, acme):
    make_coupon("SPRING", percent=25, duration="periods", periods=3)
    response = live.post(HERE, {"coupon": "spring"})
    assert response.status_code == 201
    assert (response.json()["coupon"]["code"], response.json()["invoices"], response.json()["invoices_left"]) == (
        "SPRING",
        0,
        3,
    )
    assert live.get(HERE).json()["data"] == [response.json()]


def test_a_coupon_is_removed_with_a_reason(live, acme):
    make_coupon("SPRING", percent=25)
    live.post(HERE, {"coupon": "SPRING"})
    payload = live.post(f"{HERE}/spring/remove", {"reason": "by mistake"}).json()
    assert (payload["ended_reason"], payload["invoices_left"]) == ("by mistake", 0)
    assert problem(live.post(f"{HERE}/spring/remove", {}), 404, "not-found")


def test_a_subscription_starts_with_coupons_in_order(live, acme):
    make_coupon("A", percent=25)
    make_coupon("B", amount=5, currency="EUR", duration="forever")
    body = {"customer": "acme", "plan": "pro", "id": "second", "named": True, "coupons": ["B", "A"]}
    assert live.post("/subscriptions", body).status_code == 201
    rows = live.get("/subscriptions/second/coupons").json()["data"]
    assert sorted((row["position"], row["coupon"]["code"]) for row in rows) == [(1, "B"), (2, "A")]


def test_a_subscription_is_not_made_without_its_coupon(live, acme):
    make_coupon("USED", percent=25, most_redemptions=1, redeemed=1)
    body = {"customer": "acme", "plan": "pro", "id": "second", "named": True, "coupons": ["USED"]}
    assert "has reached its limit" in problem(live.post("/subscriptions", body), 409, "conflict")["detail"]
    assert live.get("/subscriptions/second").status_code == 404


@pytest.mark.parametrize("body", [{"coupon": "NOTHING"}, {}, {"coupon": "A", "percent": "5"}])
def test_an_invalid_body_is_rejected(live, acme, body):
    make_coupon("A", percent=25)
    assert faults(live.post(HERE, body))


def test_read_only_keys_apply_none_and_sandbox_keys_see_none(acme, sandbox, db):
    make_coupon("A", percent=25)
    reader = Caller(scopes=["read"])
    assert reader.post(HERE, {"coupon": "A"}).status_code == 403
    assert sandbox.post(HERE, {"coupon": "A"}).status_code == 404
    assert sandbox.get(HERE).status_code == 404
