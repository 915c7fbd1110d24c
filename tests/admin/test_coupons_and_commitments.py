"""
Finance creates a coupon, applies it, reads its total discount, removes it and archives it; and adds a commitment.
"""

from datetime import UTC, datetime

import pytest
from django.utils import timezone

from billing.closing import close_due
from billing.models import Redemption, SubscriptionCommitment
from billing.subscriptions import apply_coupon, redeem_code
from plans.models import Coupon, PromotionCode
from tests.builders import FEB, JAN, fee, make_coupon, make_customer, make_plan, offer, publish, rate, subscribe

pytestmark = pytest.mark.django_db

LIST = "/admin/plans/coupon/"
TYPED = {"code": "spring-25", "name": "Spring", "percent": "25", "duration": "periods", "periods": "3"}
PROMOTIONS = {
    f"{rows}-{name}_FORMS": "0" for rows in ("promotions", "promotion_codes") for name in ("TOTAL", "INITIAL")
}


@pytest.fixture
def acme():
    offers = [offer("api.calls", rates=[rate("0.05")])]
    version = publish(make_plan("pro", fees=[fee("60", billed="arrears")], offers=offers))
    return subscribe(make_customer("acme"), version)


def test_a_coupon_is_created_and_described_in_words(member):
    client = member("finance")
    assert client.post(f"{LIST}add/", {**TYPED, **PROMOTIONS}).status_code == 302
    coupon = Coupon.objects.get()
    assert (coupon.code, coupon.percent, coupon.periods) == ("SPRING-25", 25, 3)
    example = client.post(f"{LIST}example/", {**TYPED, "most_per_customer": "1"}).content.decode()
    assert "25% off the first 3 invoices of a subscription" in example
    assert "One redemption per customer" in example
    assert "$75.00" in example


def test_a_promotion_is_created_with_the_coupon(member, acme):
    row = {"plan": acme.version.plan_id, "starts_at_0": "2026-01-01", "starts_at_1": "00:00:00"}
    rows = {f"promotions-0-{name}": value for name, value in row.items()} | {"promotions-TOTAL_FORMS": "1"}
    member("finance").post(f"{LIST}add/", {**TYPED, **PROMOTIONS, **rows})
    assert Coupon.objects.get().promotions.get().plan == acme.version.plan


def test_promotion_codes_are_created_with_the_coupon_and_archived(member):
    client = member("finance")
    rows = {"promotion_codes-TOTAL_FORMS": "1", "promotion_codes-0-code": "welcome"}
    client.post(f"{LIST}add/", {**TYPED, **PROMOTIONS, **rows, "promotion_codes-0-is_for_customer": "on"})
    code = PromotionCode.objects.get()
    assert (code.code, code.coupon.code, code.is_for_customer) == ("WELCOME", "SPRING-25", True)
    rows |= {
        "promotion_codes-INITIAL_FORMS": "1",
        "promotion_codes-0-id": code.pk,
        "promotion_codes-0-coupon": code.coupon_id,
        "promotion_codes-0-is_archived": "on",
    }
    client.post(f"{LIST}{code.coupon_id}/change/", {**TYPED, **PROMOTIONS, **rows})
    code.refresh_from_db()
    assert code.archived_at is not None


def test_a_redeemed_code_keeps_its_text_and_its_redemptions(member, acme):
    coupon = make_coupon("SPRING", percent=25)
    code = PromotionCode.objects.create(code="WELCOME", coupon=coupon)
    redeem_code(code="WELCOME", subscription=acme, at=JAN)
    rows = {
        "promotion_codes-TOTAL_FORMS": "1",
        "promotion_codes-INITIAL_FORMS": "1",
        "promotion_codes-0-id": code.pk,
        "promotion_codes-0-coupon": coupon.pk,
        "promotion_codes-0-code": "OTHER",
        "promotion_codes-0-most_redemptions": "5",
    }
    member("finance").post(f"{LIST}{coupon.pk}/change/", {"name": "Spring", **PROMOTIONS, **rows})
    code.refresh_from_db()
    assert (code.code, code.most_redemptions, code.redeemed) == ("WELCOME", 5, 1)


WRONG = [
    ({"percent": ""}, "Enter either a percentage or an amount"),
    ({"amount": "5", "currency": "USD"}, "Enter either a percentage or an amount"),
    ({"percent": "101"}, "up to 100%"),
    ({"percent": "", "amount": "5"}, "Enter the currency of the amount"),
    ({"percent": "", "amount": "5.005", "currency": "USD"}, "without more decimal places than USD"),
    ({"periods": ""}, "Enter the number of invoices"),
    ({"carries_over": "on"}, "Only an amount has a rest"),
    ({"period_months": "121"}, "less than or equal to 120"),
]


@pytest.mark.parametrize(("changes", "words"), WRONG)
def test_an_invalid_form_shows_the_error(member, changes, words):
    client = member("finance")
    assert words in client.post(f"{LIST}add/", {**TYPED, **PROMOTIONS, **changes}).content.decode()
    assert words in client.post(f"{LIST}example/", {**TYPED, **changes}).content.decode()
    assert not Coupon.objects.exists()


def test_an_empty_form_shows_no_error(member):
    untouched = member("finance").post(f"{LIST}example/", {**TYPED, "percent": "", "amount": ""}).content.decode()
    assert 'class="note"' in untouched
    assert 'class="error"' not in untouched


def test_a_coupon_is_applied_from_the_subscription_page(member, acme):
    coupon = make_coupon("SPRING", percent=25, duration="forever")
    client = member("finance")
    page_text = client.post(
        f"/admin/billing/subscription/{acme.pk}/give_coupon/", {"coupon": coupon.pk}, follow=True
    ).content.decode()
    assert "SPRING applies to" in page_text
    assert Redemption.objects.get().coupon == coupon


def test_a_coupon_is_applied_from_the_customer_page_which_shows_the_amount_left(member, acme):
    coupon = make_coupon("SHARED", amount=50, duration="forever")
    client, address = member("finance"), f"/admin/customers/customer/{acme.customer_id}/"
    page = client.post(f"{address}give_coupon/", {"coupon": coupon.pk}, follow=True).content.decode()
    assert "SHARED applies to" in page
    assert "$50.00" in client.get(f"{address}change/", {"tab": "terms"}).content.decode()
    redemption = Redemption.objects.get()
    assert redemption.customer == acme.customer
    listed = client.get("/admin/billing/redemption/").content.decode()
    assert "SHARED" in listed
    client.post(f"/admin/billing/redemption/{redemption.pk}/remove/", {"_reason": "by mistake"})
    redemption.refresh_from_db()
    assert redemption.ended_reason == "by mistake"
    assert client.get(f"/admin/billing/redemption/{redemption.pk}/change/").status_code == 200


def test_a_coupon_for_another_plan_is_not_offered(member, acme):
    make_coupon("ELSEWHERE", percent=25, plans=["other"])
    make_coupon("HERE", percent=25, plans=["pro"])
    page = member("finance").get(f"/admin/billing/subscription/{acme.pk}/give_coupon/").content.decode()
    assert "HERE: " in page
    assert "ELSEWHERE" not in page


def test_the_list_shows_the_total_discount_of_each_coupon(member, acme):
    apply_coupon(subscription=acme, coupon=make_coupon("SPRING", percent=25), at=JAN)
    close_due(at=datetime(2026, 2, 1, 1, tzinfo=UTC))
    client = member("support")
    assert "$15.00" in client.get(LIST).content.decode()
    page = client.get(f"/admin/billing/subscription/{acme.pk}/change/").content.decode()
    assert "1 of 1" in page
    assert "$15.00" in page


def test_a_coupon_is_removed_with_a_reason(member, acme):
    redemption = apply_coupon(subscription=acme, coupon=make_coupon(percent=25), at=JAN)
    member("operations").post(f"/admin/billing/redemption/{redemption.pk}/remove/", {"_reason": "by mistake"})
    redemption.refresh_from_db()
    assert redemption.ended_reason == "by mistake"


def test_a_redeemed_coupon_keeps_its_terms_and_can_be_archived(member, acme):
    coupon = make_coupon("SPRING", percent=25)
    apply_coupon(subscription=acme, coupon=coupon, at=JAN)
    client = member("finance")
    page = client.get(f"{LIST}{coupon.pk}/change/").content.decode()
    assert 'name="percent"' not in page
    assert 'name="most_redemptions"' in page
    client.post(f"{LIST}{coupon.pk}/archive/")
    coupon.refresh_from_db()
    assert coupon.archived_at is not None


def test_support_can_not_apply_or_archive_coupons(member, acme):
    coupon = make_coupon(percent=25)
    client = member("support")
    assert (
        client.post(f"/admin/billing/subscription/{acme.pk}/give_coupon/", {"coupon": coupon.pk}).status_code == 403
    )
    assert client.post(f"{LIST}{coupon.pk}/archive/").status_code == 403


def test_a_commitment_is_added_with_a_reason_and_ended(member, acme):
    running = subscribe(make_customer("now"), acme.version, starts_at=timezone.now())
    client = member("finance")
    address = f"/admin/billing/subscription/{running.pk}/promise/"
    typed = {"minimum": "1,000", "periods": "12", "overage_factor": "1.5", "discount": "10", "trues_up": "on"}
    assert "Enter the reason" in client.post(address, typed).content.decode()
    page_text = client.post(address, {**typed, "_reason": "Deal 7"}, follow=True).content.decode()
    commitment = SubscriptionCommitment.objects.get()
    assert (commitment.minimum, commitment.periods, commitment.reason) == (1000, 12, "Deal 7")
    assert "At least $1,000.00 of usage over 12 periods" in page_text
    client.post(f"/admin/billing/subscriptioncommitment/{commitment.pk}/end/")
    commitment.refresh_from_db()
    assert commitment.ends_at == commitment.starts_at, "it had not begun: withdrawn"


def test_units_of_a_feature_are_committed(member, acme):
    running = subscribe(make_customer("now"), acme.version, starts_at=timezone.now())
    address = f"/admin/billing/subscription/{running.pk}/promise/"
    typed = {"units": "5,000", "feature": "api.calls", "periods": "1", "overage_factor": "1", "discount": "0"}
    page_text = member("finance").post(address, {**typed, "_reason": "Deal 8"}, follow=True).content.decode()
    assert "At least 5,000 units of api.calls per period" in page_text
    both = member("finance").post(address, {**typed, "minimum": "5", "_reason": "Deal 9"}).content.decode()
    assert "Enter either an amount of money or a number of units." in both


def test_the_list_runs_a_fixed_number_of_queries(member, acme, django_assert_max_num_queries):
    for number in range(12):
        apply_coupon(subscription=acme, coupon=make_coupon(f"C{number}", percent=5), at=JAN)
    close_due(at=FEB.replace(day=2))
    client = member("root")
    with django_assert_max_num_queries(22):
        client.get(LIST)
    with django_assert_max_num_queries(38):
        client.get(f"/admin/billing/subscription/{acme.pk}/change/")
