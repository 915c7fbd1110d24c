"""A draft has no effect until it is activated, begins as it was prepared, and leaves nothing when it is discarded."""

from datetime import timedelta

import pytest

from billing.audit import assert_clean
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
from tests.builders import FEB, JAN, MAR, covered, fee, make_coupon, make_customer, make_plan, offer, publish, rate

pytestmark = pytest.mark.django_db


@pytest.fixture
def version():
    fees = [fee("31"), fee("10", label="Seats", basis="seat", least=1)]
    return publish(make_plan(fees=fees, offers=[offer("calls", rates=[rate("0.10")])]))


def drafted(version, **fields):
    return draft(customer=make_customer("acme"), version=version, **{"starts_at": FEB, "at": JAN, **fields})


def test_it_has_no_effect(version):
    found = drafted(version)
    generate_periods(until=MAR)
    close_due(at=MAR)
    assert found.state == "draft"
    assert (Period.objects.count(), Coverage.objects.count()) == (0, 0)
    assert_clean()


def test_it_begins_as_it_was_prepared(version):
    coupon = make_coupon(percent=10)
    found = drafted(version, coupons=[coupon], quantities={"seats": 3}, trial_days=14, external_id="acme-1")
    begun = activate(subscription=found, at=JAN)
    assert (begun.pk, begun.external_id, begun.state, begun.drafted) == (found.pk, "acme-1", "trialing", {})
    assert (begun.starts_at, begun.trial_ends_at) == (FEB, FEB + timedelta(days=14))
    assert begun.redemptions.get().coupon == coupon
    assert begun.holdings.get().quantity == 3
    assert covered(begun) == ["calls"]
    assert_clean()


@pytest.mark.parametrize("starts_at", [JAN, JAN + timedelta(days=5), MAR], ids=["now", "past", "to come"])
def test_it_begins_at_another_moment(version, starts_at):
    begun = activate(subscription=drafted(version), at=JAN + timedelta(days=9), starts_at=starts_at)
    assert begun.starts_at == begun.anchor_at == begun.periods.get(kind="opening").starts_at == starts_at
    assert_clean()


def test_another_one_takes_its_place(version):
    found = drafted(version, trial_days=14)
    again = draft(customer=found.customer, version=version, starts_at=MAR, ends_at=None, at=JAN, replaced_draft=found)
    assert (again.pk, again.external_id, again.starts_at, again.drafted) == (found.pk, found.external_id, MAR, {})
    assert Subscription.objects.count() == 1


def test_it_is_discarded_without_a_trace(version):
    discard(subscription=drafted(version), at=JAN)
    assert not Subscription.objects.exists()
    assert_clean()


def test_its_version_may_be_a_draft_until_it_begins():
    found = drafted(make_plan(fees=[fee("31")]))
    with pytest.raises(SubscriptionRefused, match="only what is published"):
        activate(subscription=found, at=JAN)
    publish(found.version)
    assert activate(subscription=found, at=JAN).state == "active"


def test_what_was_agreed_for_it_stays(version):
    found = drafted(version)
    apply_coupon(subscription=found, coupon=make_coupon(percent=10), at=JAN)
    with pytest.raises(SubscriptionRefused, match="Something was agreed"):
        discard(subscription=found, at=JAN)


def test_what_runs_is_no_draft(version):
    begun = activate(subscription=drafted(version), at=JAN)
    for change in (activate, discard):
        with pytest.raises(SubscriptionRefused, match="only a draft"):
            change(subscription=begun, at=JAN)


def test_a_draft_is_not_canceled(version):
    with pytest.raises(CancellationRefused, match="discard it"):
        cancel(subscription=drafted(version), at=JAN)


@pytest.mark.parametrize(
    ("asked", "why"), [({"ends_at": JAN}, "before it starts"), ({"currency": "EUR"}, "no prices in EUR")]
)
def test_an_impossible_one_is_refused(version, asked, why):
    with pytest.raises(SubscriptionRefused, match=why):
        drafted(version, **asked)
