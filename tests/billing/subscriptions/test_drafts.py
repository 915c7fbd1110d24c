"""A draft has no effect until it is activated, starts as prepared, and leaves nothing when it is discarded."""

from datetime import timedelta

import pytest

from billing.closing import close_due
from billing.models import Coverage, Period, Subscription
from billing.subscriptions import (
    CancellationRefused,
    SubscriptionRefused,
    activate,
    apply_coupon,
    cancel,
    discard,
    draft,
    generate_periods,
)
from tests.builders import (
    FEB,
    JAN,
    MAR,
    covered_features,
    fee,
    make_coupon,
    make_customer,
    make_plan,
    offer,
    publish,
    rate,
)
from tests.clean_books import assert_clean

SUBJECTS = ("subscriptions", "invoices")

pytestmark = pytest.mark.django_db


@pytest.fixture
def version():
    fees = [fee("31"), fee("10", label="Seats", basis="seat", least=1)]
    return publish(make_plan(fees=fees, offers=[offer("calls", rates=[rate("0.10")])]))


def drafted(version, **fields):
    return draft(customer=make_customer("acme"), version=version, **{"starts_at": FEB, "at": JAN, **fields})


def test_it_has_no_effect(version):
    subscription = drafted(version)
    generate_periods(until=MAR)
    close_due(at=MAR)
    assert subscription.state == "draft"
    assert (Period.objects.count(), Coverage.objects.count()) == (0, 0)
    assert_clean(*SUBJECTS)


def test_an_activated_draft_starts_as_prepared(version):
    coupon = make_coupon(percent=10)
    subscription = drafted(version, coupons=[coupon], quantities={"seats": 3}, trial_days=14, external_id="acme-1")
    activated = activate(subscription=subscription, at=JAN)
    assert (activated.pk, activated.external_id, activated.state, activated.drafted) == (
        subscription.pk,
        "acme-1",
        "trialing",
        {},
    )
    assert (activated.starts_at, activated.trial_ends_at) == (FEB, FEB + timedelta(days=14))
    assert activated.redemptions.get().coupon == coupon
    assert activated.holdings.get().quantity == 3
    assert covered_features(activated) == ["calls"]
    assert_clean(*SUBJECTS)


@pytest.mark.parametrize("starts_at", [JAN, JAN + timedelta(days=5), MAR], ids=["now", "past", "to come"])
def test_a_draft_can_start_at_another_time(version, starts_at):
    activated = activate(subscription=drafted(version), at=JAN + timedelta(days=9), starts_at=starts_at)
    assert activated.starts_at == activated.anchor_at == activated.periods.get(kind="opening").starts_at == starts_at
    assert_clean(*SUBJECTS)


def test_a_draft_can_be_replaced(version):
    subscription = drafted(version, trial_days=14)
    replacement = draft(
        customer=subscription.customer,
        version=version,
        starts_at=MAR,
        ends_at=None,
        at=JAN,
        replaced_draft=subscription,
    )
    assert (replacement.pk, replacement.external_id, replacement.starts_at, replacement.drafted) == (
        subscription.pk,
        subscription.external_id,
        MAR,
        {},
    )
    assert Subscription.objects.count() == 1


def test_it_is_discarded_without_a_trace(version):
    discard(subscription=drafted(version), at=JAN)
    assert not Subscription.objects.exists()
    assert_clean(*SUBJECTS)


def test_its_version_can_be_a_draft_until_its_activation():
    subscription = drafted(make_plan(fees=[fee("31")]))
    with pytest.raises(SubscriptionRefused, match="Only a published version"):
        activate(subscription=subscription, at=JAN)
    publish(subscription.version)
    assert activate(subscription=subscription, at=JAN).state == "active"


def test_a_draft_with_agreed_terms_is_not_discarded(version):
    subscription = drafted(version)
    apply_coupon(subscription=subscription, coupon=make_coupon(percent=10), at=JAN)
    with pytest.raises(SubscriptionRefused, match="already has custom terms"):
        discard(subscription=subscription, at=JAN)


def test_an_active_subscription_is_no_draft(version):
    activated = activate(subscription=drafted(version), at=JAN)
    for change in (activate, discard):
        with pytest.raises(SubscriptionRefused, match="Only a draft"):
            change(subscription=activated, at=JAN)


def test_a_draft_is_not_canceled(version):
    with pytest.raises(CancellationRefused, match="Discard it"):
        cancel(subscription=drafted(version), at=JAN)


@pytest.mark.parametrize(
    ("arguments", "why"), [({"ends_at": JAN}, "must be after the start"), ({"currency": "EUR"}, "no prices in EUR")]
)
def test_an_invalid_draft_is_rejected(version, arguments, why):
    with pytest.raises(SubscriptionRefused, match=why):
        drafted(version, **arguments)
