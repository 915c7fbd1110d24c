"""Customers redeem promotion codes on the page of their plan; a refusal says why in their language."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from billing.models import Redemption
from customers.models import Customer
from plans.models import PromotionCode
from tests.builders import make_coupon
from tests.portal.accounts import TODAY, Account

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def three_attempts(settings) -> None:
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"promotion-codes": "3/600s"}


def make_code(coupon: dict[str, Any] | None = None, **fields: Any) -> PromotionCode:
    coupon_row = make_coupon(**{"percent": 5, **(coupon or {})})
    return PromotionCode.objects.create(code="WELCOME", coupon=coupon_row, **fields)


def enter(own: Account, code: str, client: Client | None = None) -> Any:
    return (client or own.client()).post(f"/portal/plan/{own.subscription.pk}/code", {"code": code})


def test_a_code_is_redeemed_for_the_plan(own):
    make_code()
    assert "promotion code" in own.client().get("/portal/plan").content.decode()
    response = enter(own, "welcome")
    assert (response.status_code, response.headers["Location"]) == (303, "/portal/plan?message=redeemed")
    assert Redemption.objects.get().subscription == own.subscription


def test_a_code_for_customers_is_redeemed_for_all_plans(own):
    make_code(is_for_customer=True)
    assert enter(own, "WELCOME").status_code == 303
    assert Redemption.objects.get().customer == own.customer


REFUSED = [
    # coupon            code                                          text
    ({}, {"redeem_from": TODAY + DAY}, "can’t be used yet"),
    ({}, {"redeem_until": TODAY}, "no longer valid"),
    ({}, {"most_redemptions": 1, "redeemed": 1}, "as often as possible"),
    ({"plans": ["other"]}, {}, "doesn’t apply to your plan"),
    ({}, {"is_for_new_customers": True}, "new customers only"),
]


@pytest.mark.parametrize(("coupon", "code", "text"), REFUSED)
def test_a_refusal_says_why(own, coupon, code, text):
    make_code(coupon, **code)
    response = enter(own, "WELCOME")
    assert response.status_code == 422
    assert text in response.content.decode()
    assert not Redemption.objects.exists()


def test_an_unknown_code_is_refused_in_the_language_of_the_visitor(own):
    Customer.objects.filter(pk=own.customer.pk).update(locale="de_DE")
    response = enter(own, "NONE")
    assert "Diesen Code kennen wir nicht." in response.content.decode()


def test_a_code_is_redeemed_once(own):
    make_code({"duration": "forever"})
    enter(own, "WELCOME")
    assert "already applies" in enter(own, "WELCOME").content.decode()


def test_guesses_are_limited(own):
    make_code()
    for _ in range(3):
        assert "don’t know this code" in enter(own, "GUESS").content.decode()
    assert "Too many attempts" in enter(own, "WELCOME").content.decode()
    assert not Redemption.objects.exists()


def test_only_contacts_who_get_the_bills_redeem_codes(own):
    make_code()
    assert enter(own, "WELCOME", own.client(contact=own.colleague)).status_code == 403


def test_the_plan_of_another_customer_is_not_found(own, foreign):
    make_code()
    response = foreign.client().post(f"/portal/plan/{own.subscription.pk}/code", {"code": "WELCOME"})
    assert response.status_code == 404
