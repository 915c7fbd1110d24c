"""Sandbox customers can subscribe to drafts; a draft is frozen from then on, and can be published unchanged."""

import pytest
from django.db import IntegrityError, transaction

from billing.subscriptions import SubscriptionRefused, change_plan, start
from plans.models import Fee, PlanVersion
from plans.publishing import publication
from tests.billing.simulation.sandbox.clock_setup import advance_to, sandboxed, subscribed
from tests.builders import FEB, JAN, fee, make_clock, make_customer, make_plan

pytestmark = pytest.mark.django_db


@pytest.fixture
def draft() -> PlanVersion:
    return make_plan("next", fees=[fee("93")])


def test_a_sandbox_customer_is_billed_by_a_draft(draft):
    clock = make_clock(JAN)
    customer = sandboxed(clock)

    start(customer=customer, version=draft, starts_at=JAN, at=JAN)
    advance_to(clock, FEB)

    assert [str(invoice.total) for invoice in customer.invoices.all()] == ["$93.00"]


def test_a_subscription_moves_to_a_draft():
    clock = make_clock(JAN)
    subscription = subscribed(clock)
    draft = make_plan("next", fees=[fee("93")])

    change_plan(subscription=subscription, version=draft, at=JAN)

    draft.refresh_from_db()
    assert draft.tried_at == JAN


def test_a_draft_in_use_is_frozen(draft):
    start(customer=make_customer(sandbox=True), version=draft, starts_at=JAN, at=JAN)
    draft.refresh_from_db()

    assert not draft.is_editable
    with pytest.raises(IntegrityError, match="published_version_is_frozen"), transaction.atomic():
        Fee.objects.filter(version=draft).update(amount=7)


def test_a_draft_in_use_can_be_published(draft):
    start(customer=make_customer(sandbox=True), version=draft, starts_at=JAN, at=JAN)
    assert publication.publish(version=draft, by=None, at=JAN).state == "live"


def test_the_next_draft_is_not_frozen(draft):
    start(customer=make_customer(sandbox=True), version=draft, starts_at=JAN, at=JAN)
    assert publication.new_version(source=draft, by=None, at=JAN).is_editable


def test_live_customers_can_not_subscribe_to_a_draft(draft):
    with pytest.raises(SubscriptionRefused, match="Only a published version"):
        start(customer=make_customer(), version=draft, starts_at=JAN, at=JAN)


def test_an_incomplete_draft_is_rejected():
    with pytest.raises(SubscriptionRefused, match="can't be used yet"):
        start(customer=make_customer(sandbox=True), version=make_plan("empty"), starts_at=JAN, at=JAN)
