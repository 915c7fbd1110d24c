"""Coupons are applied within their limits and dates, in order, once at a time, and automatically by promotions."""

from datetime import timedelta
from typing import Any

import pytest

from billing.closing import close_due
from billing.models import Redemption
from billing.subscriptions import CouponRefused, apply_coupon, remove_coupon
from plans.models import Coupon, Promotion
from tests.builders import FEB, JAN, MAR, fee, make_coupon, make_customer, make_plan, publish, subscribe
from tests.races import together

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def subscription(**fields: Any) -> Any:
    return subscribe(fields.pop("customer", None) or make_customer(), publish(make_plan(fees=[fee("60")])), **fields)


REFUSED = [
    # coupon                                          message
    ({"percent": 5, "archived_at": JAN}, "is archived"),
    ({"percent": 5, "redeem_from": FEB}, "can be applied from 2026-02-01"),
    ({"percent": 5, "redeem_until": JAN}, "could be applied until 2026-01-01"),
    ({"percent": 5, "most_redemptions": 3, "redeemed": 3}, "has reached its limit of 3 redemptions"),
    ({"amount": 5, "currency": "EUR"}, "is an amount in EUR"),
]


@pytest.mark.parametrize(("fields", "message"), REFUSED)
def test_an_invalid_coupon_is_rejected_with_the_reason(fields: dict, message: str):
    with pytest.raises(CouponRefused, match=message):
        apply_coupon(subscription=subscription(), coupon=make_coupon(**fields), at=JAN + DAY)
    assert not Redemption.objects.exists()


def test_a_coupon_is_active_once_at_a_time_and_counts_each_time():
    subscription_, coupon = subscription(), make_coupon(percent=5)
    first = apply_coupon(subscription=subscription_, coupon=coupon, at=JAN + DAY)
    with pytest.raises(CouponRefused, match="already has"):
        apply_coupon(subscription=subscription_, coupon=coupon, at=JAN + DAY)
    remove_coupon(redemption=first, at=JAN + 2 * DAY)
    second = apply_coupon(subscription=subscription_, coupon=coupon, at=JAN + 3 * DAY)
    coupon.refresh_from_db()
    assert (second.position, coupon.redeemed) == (2, 2)


def test_the_uses_per_customer_are_limited():
    customer, coupon = make_customer(), make_coupon(percent=5, most_per_customer=1)
    subscription(customer=customer, coupons=[coupon])
    with pytest.raises(CouponRefused, match="the limit of 1"):
        subscription(customer=customer, coupons=[coupon])
    subscription(coupons=[coupon])


def test_removing_a_coupon_twice_removes_it_once():
    subscription_ = subscription(coupons=[make_coupon(percent=5)])
    first = remove_coupon(redemption=subscription_.redemptions.get(), at=FEB, reason="one")
    second = remove_coupon(redemption=subscription_.redemptions.get(), at=MAR, reason="two")
    assert (second.ended_at, second.ended_reason) == (first.ended_at, "one")


def test_a_coupon_is_used_once_per_closed_period():
    subscription_ = subscription(coupons=[make_coupon(percent=5, duration="periods", periods=3)])
    uses = []
    for at in (JAN, FEB + DAY, MAR + DAY):
        uses.append(Redemption.objects.with_use().get(subscription=subscription_).used)
        close_due(at=at)
    assert uses == [0, 1, 2]


class TestPromotion:
    def promoted(self, version: Any, **fields: Any) -> Coupon:
        coupon = make_coupon(percent=5, **fields)
        Promotion.objects.create(coupon=coupon, plan=version.plan, starts_at=JAN, ends_at=FEB)
        return coupon

    @pytest.mark.parametrize(("starts_at", "count"), [(JAN, 1), (FEB - DAY, 1), (FEB, 0), (JAN - DAY, 0)])
    def test_it_applies_to_subscriptions_that_start_between_its_dates(self, starts_at: Any, count: int):
        version = publish(make_plan(fees=[fee("60")]), at=JAN - 30 * DAY)
        self.promoted(version)
        subscription_ = subscribe(make_customer(), version, starts_at=starts_at)
        assert [redemption.promotion is not None for redemption in subscription_.redemptions.all()] == [True] * count

    def test_it_applies_to_its_plan_only(self):
        self.promoted(publish(make_plan(fees=[fee("60")])))
        assert not subscription().redemptions.exists()

    def test_a_used_up_promotion_prevents_no_subscription(self):
        version = publish(make_plan(fees=[fee("60")]))
        coupon = self.promoted(version, most_redemptions=1)
        assert subscribe(make_customer(), version).redemptions.count() == 1
        assert subscribe(make_customer(), version).redemptions.count() == 0
        coupon.refresh_from_db()
        assert coupon.redeemed == 1


@pytest.mark.django_db(transaction=True)
def test_the_last_use_is_given_to_one_of_two_concurrent_requests():
    coupon = make_coupon(percent=5, most_redemptions=1)
    subscriptions = [subscription(), subscription()]

    def apply(subscription_: Any) -> str:
        try:
            apply_coupon(subscription=subscription_, coupon=coupon, at=JAN + DAY)
        except CouponRefused:
            return "refused"
        return "given"

    assert sorted(together(lambda: apply(subscriptions[0]), lambda: apply(subscriptions[1]))) == ["given", "refused"]
    coupon.refresh_from_db()
    assert coupon.redeemed == Redemption.objects.count() == 1
