"""Coupons and promotion codes are redeemed for customers and subscriptions within their limits, dates and scope."""

from datetime import timedelta
from typing import Any

import pytest

from billing.closing import close_due
from billing.models import Redemption
from billing.subscriptions import CouponRefused, apply_coupon, apply_customer_coupon, redeem_code, remove_coupon
from customers.models import Customer
from invoices.models import Invoice
from plans.models import Coupon, PromotionCode
from tests.builders import FEB, JAN, MAR, fee, make_coupon, make_customer, make_plan, publish, subscribe
from tests.races import together

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def subscription(customer: Customer | None = None, plan: str = "", **fields: Any) -> Any:
    draft = make_plan(plan, fees=[fee("60")]) if plan else make_plan(fees=[fee("60")])
    return subscribe(customer or make_customer(), publish(draft), **fields)


def make_code(code: str = "WELCOME", coupon: Coupon | None = None, **fields: Any) -> PromotionCode:
    return PromotionCode.objects.create(code=code, coupon=coupon or make_coupon(percent=5), **fields)


REFUSED = [
    # coupon                                          reason       message
    ({"percent": 5, "archived_at": JAN}, "over", "is archived"),
    ({"percent": 5, "redeem_from": FEB}, "early", "can be applied from 2026-02-01"),
    ({"percent": 5, "redeem_until": JAN}, "over", "could be applied until 2026-01-01"),
    ({"percent": 5, "most_redemptions": 3, "redeemed": 3}, "used_up", "has reached its limit of 3 redemptions"),
    ({"amount": 5, "currency": "EUR"}, "scope", "is an amount in EUR"),
]


@pytest.mark.parametrize(("fields", "reason", "message"), REFUSED)
def test_an_invalid_coupon_is_refused_for_a_customer(fields: dict, reason: str, message: str):
    customer = make_customer()
    with pytest.raises(CouponRefused, match=message) as refused:
        apply_customer_coupon(customer=customer, coupon=make_coupon(**fields), at=JAN + DAY)
    assert refused.value.reason == reason
    assert not Redemption.objects.exists()


def test_an_amount_in_the_currency_of_a_subscription_is_accepted():
    customer = make_customer(currency="EUR")
    subscribe(customer, publish(make_plan(fees=[fee("60")])), currency="USD")
    apply_customer_coupon(customer=customer, coupon=make_coupon(amount=5), at=JAN + DAY)
    assert Redemption.objects.get().customer == customer


def test_a_coupon_for_other_plans_is_refused():
    coupon = make_coupon(percent=5, plans=["basic", "team"])
    with pytest.raises(CouponRefused, match=r"is for the plans basic, team, but .* has the plan pro"):
        apply_coupon(subscription=subscription(plan="pro"), coupon=coupon, at=JAN + DAY)


def test_a_coupon_for_a_plan_counts_the_invoices_on_that_plan():
    coupon = make_coupon(percent=50, plans=["pro"], duration="periods", periods=2)
    subscription_ = subscription(plan="pro", coupons=[coupon])
    close_due(at=MAR)
    nets = Invoice.objects.filter(customer=subscription_.customer).order_by("id").values_list("net", flat=True)
    assert list(nets) == [30, 30]
    assert subscription_.redemptions.with_use().get().used == 2


class TestOnceAtATime:
    def test_a_subscription_does_not_redeem_the_coupon_of_its_customer(self):
        subscription_, coupon = subscription(), make_coupon(percent=5)
        redemption = apply_customer_coupon(customer=subscription_.customer, coupon=coupon, at=JAN + DAY)
        with pytest.raises(CouponRefused, match="already has"):
            apply_coupon(subscription=subscription_, coupon=coupon, at=JAN + DAY)
        remove_coupon(redemption=redemption, at=JAN + DAY)
        apply_coupon(subscription=subscription_, coupon=coupon, at=JAN + DAY)

    def test_a_customer_does_not_redeem_the_coupon_of_a_subscription(self):
        subscription_, coupon = subscription(), make_coupon(percent=5)
        apply_coupon(subscription=subscription_, coupon=coupon, at=JAN + DAY)
        with pytest.raises(CouponRefused, match="one of its subscriptions already has"):
            apply_customer_coupon(customer=subscription_.customer, coupon=coupon, at=JAN + DAY)


def test_the_limit_per_customer_counts_both_kinds():
    subscription_, coupon = subscription(), make_coupon(percent=5, most_per_customer=1)
    redemption = apply_coupon(subscription=subscription_, coupon=coupon, at=JAN + DAY)
    remove_coupon(redemption=redemption, at=JAN + DAY)
    with pytest.raises(CouponRefused, match="has reached the limit of 1") as refused:
        apply_customer_coupon(customer=subscription_.customer, coupon=coupon, at=JAN + DAY)
    assert refused.value.reason == "customer_limit"


class TestPromotionCodes:
    def test_a_code_in_any_letter_case_redeems_its_coupon(self):
        code = make_code()
        redemption = redeem_code(code=" welcome ", subscription=subscription(), at=JAN + DAY)
        code.refresh_from_db()
        code.coupon.refresh_from_db()
        assert (redemption.coupon, redemption.promotion_code) == (code.coupon, code)
        assert (code.redeemed, code.coupon.redeemed) == (1, 1)

    def test_an_unknown_code_is_refused(self):
        with pytest.raises(CouponRefused, match="There is no promotion code “NONE”"):
            redeem_code(code="NONE", customer=make_customer(), at=JAN)

    @pytest.mark.parametrize(
        ("fields", "reason"),
        [
            ({"archived_at": JAN}, "over"),
            ({"redeem_from": FEB}, "early"),
            ({"redeem_until": JAN}, "over"),
            ({"most_redemptions": 1, "redeemed": 1}, "used_up"),
            ({"coupon": {"redeem_until": JAN}}, "over"),
            ({"coupon": {"plans": ["other"]}}, "scope"),
        ],
    )
    def test_a_code_is_refused_by_its_own_terms_and_by_those_of_its_coupon(self, fields: dict, reason: str):
        coupon = make_coupon(percent=5, **fields.pop("coupon", {}))
        make_code(coupon=coupon, **fields)
        with pytest.raises(CouponRefused) as refused:
            redeem_code(code="WELCOME", subscription=subscription(), at=JAN + DAY)
        assert refused.value.reason == reason
        coupon.refresh_from_db()
        assert coupon.redeemed == 0

    def test_its_limit_per_customer_is_its_own(self):
        coupon = make_coupon(percent=5)
        make_code("A", coupon, most_per_customer=1)
        make_code("B", coupon)
        customer = make_customer()
        for code in ("A", "B"):
            redemption = redeem_code(code=code, customer=customer, at=JAN + DAY)
            remove_coupon(redemption=redemption, at=JAN + DAY)
        with pytest.raises(CouponRefused, match="has reached the limit of 1 for A"):
            redeem_code(code="A", customer=customer, at=JAN + DAY)

    def test_a_code_for_new_customers_is_refused_after_an_invoice(self):
        make_code(is_for_new_customers=True)
        subscription_ = subscription()
        close_due(at=JAN + DAY)
        with pytest.raises(CouponRefused, match="is for new customers") as refused:
            redeem_code(code="WELCOME", subscription=subscription_, at=JAN + DAY)
        assert refused.value.reason == "new_customers"
        redeem_code(code="WELCOME", subscription=subscription(), at=JAN + DAY)


@pytest.mark.django_db(transaction=True)
def test_the_last_use_of_a_code_is_given_to_one_of_two_concurrent_requests():
    code = make_code(most_redemptions=1)
    customers = [make_customer(), make_customer()]

    def redeem(customer: Customer) -> str:
        try:
            redeem_code(code=code.code, customer=customer, at=JAN + DAY)
        except CouponRefused:
            return "refused"
        return "redeemed"

    assert sorted(together(lambda: redeem(customers[0]), lambda: redeem(customers[1]))) == ["redeemed", "refused"]
    code.refresh_from_db()
    assert code.redeemed == Redemption.objects.count() == 1
