"""Coupons over HTTP: listed, applied, shown with their use, removed, and rejected with a reason."""

import pytest
from django.utils import timezone

from billing.closing import close_due
from billing.subscriptions import apply_customer_coupon
from invoices.models import Invoice
from plans.models import PromotionCode
from tests.api.calls import Caller, faults, problem
from tests.builders import JAN, fee, make_coupon, make_customer, make_plan, publish, subscribe

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


CUSTOMERS = "/customers/acme/coupons"


class TestOfACustomer:
    def test_a_coupon_is_applied_listed_and_removed(self, live, acme):
        make_coupon("SHARED", amount=50, currency="EUR", duration="periods", periods=3, period_months=2)
        response = live.post(CUSTOMERS, {"coupon": "shared"})
        assert response.status_code == 201
        row = response.json()
        assert (row["coupon"]["code"], row["coupon_periods_left"], row["amount_left"], row["invoices"]) == (
            "SHARED",
            3,
            {"amount": "50.00", "currency": "EUR"},
            0,
        )
        assert live.get(CUSTOMERS).json()["data"] == [row]
        removed = live.post(f"{CUSTOMERS}/shared/remove", {"reason": "by mistake"}).json()
        assert removed["ended_reason"] == "by mistake"
        assert problem(live.post(f"{CUSTOMERS}/shared/remove", {}), 404, "not-found")

    def test_the_amount_left_counts_the_invoices_of_the_coupon_period(self, live, acme):
        coupon = make_coupon("SHARED", amount=100, currency="EUR", duration="forever")
        apply_customer_coupon(customer=acme.customer, coupon=coupon, at=acme.starts_at)
        close_due(at=timezone.now())
        (row,) = live.get(CUSTOMERS).json()["data"]
        assert (row["amount_left"], row["coupon_periods_left"], row["invoices"]) == (
            {"amount": f"{100 - Invoice.objects.get().lines.get(kind='fee').amount.amount:.2f}", "currency": "EUR"},
            None,
            1,
        )

    def test_a_percentage_has_no_amount_left(self, live, acme):
        make_coupon("SHARED", percent=10)
        assert live.post(CUSTOMERS, {"coupon": "SHARED"}).json()["amount_left"] is None

    def test_the_list_runs_a_fixed_number_of_queries(self, live, acme, django_assert_max_num_queries):
        for number in range(9):
            apply_customer_coupon(customer=acme.customer, coupon=make_coupon(f"C{number}", percent=5), at=JAN)
        with django_assert_max_num_queries(6):
            assert len(live.get(CUSTOMERS).json()["data"]) == 9


class TestPromotionCodes:
    @pytest.mark.parametrize("address", [HERE, CUSTOMERS])
    def test_a_code_redeems_its_coupon(self, live, acme, address):
        PromotionCode.objects.create(code="WELCOME", coupon=make_coupon("SPRING", percent=25))
        row = live.post(address, {"code": "welcome"}).json()
        assert (row["coupon"]["code"], row["code"]) == ("SPRING", "WELCOME")

    @pytest.mark.parametrize("address", [HERE, CUSTOMERS])
    def test_a_refusal_names_the_reason(self, live, acme, address):
        detail = problem(live.post(address, {"code": "NONE"}), 409, "conflict")["detail"]
        assert "There is no promotion code “NONE”" in detail

    @pytest.mark.parametrize("address", [HERE, CUSTOMERS])
    def test_a_coupon_and_a_code_exclude_each_other(self, live, acme, address):
        make_coupon("A", percent=25)
        assert faults(live.post(address, {"coupon": "A", "code": "WELCOME"}))
