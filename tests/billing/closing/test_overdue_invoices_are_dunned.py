"""
Dunning steps run once for an overdue invoice, in order; a subscription they paused resumes once the invoice is paid.
"""

from datetime import date, timedelta
from decimal import Decimal as D

import pytest

from billing.closing import dunning
from billing.models import DunnedSubscription, Subscription
from customers.models import Customer, Notification
from customers.notifications import webhook_endpoints
from invoices.documents.past_due import mark_overdue
from invoices.models import DunningAct, DunningStep, Invoice, PaymentAttempt
from invoices.payments.dunning.dunning_run import SKIPPED_OUTCOME, run_dunning
from invoices.payments.manual_payments import record_payment
from tests.api.invoice_rows import make_invoice
from tests.builders import FEB, JAN, fee, make_customer, make_plan, make_seller, publish, subscribe
from tests.stripe.cards import leave_card

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def customer():
    return make_customer("acme", seller=make_seller(time_zone="America/New_York"))


@pytest.fixture
def invoice(customer):
    """An invoice due on 1 February."""
    return make_invoice(customer, net="20.00", tax="3.80")


def steps(customer, *ladder):
    for days, action in ladder:
        DunningStep.objects.create(seller=customer.seller, days=days, action=action)


def acts():
    return list(DunningAct.objects.order_by("pk").values_list("days", "action", "outcome"))


def pay(invoice, at):
    return record_payment(invoice_id=invoice.pk, amount=invoice.due, method="manual", reference="bank-1", at=at)


def test_an_invoice_is_overdue_when_its_due_date_ends_in_the_sellers_time_zone(invoice):
    webhook_endpoints.create(url="https://example.com/hook", by=None)
    last_moment = FEB + DAY + timedelta(hours=5)  # midnight in New York
    assert mark_overdue(at=last_moment - timedelta(seconds=1)) == 0
    assert mark_overdue(at=last_moment) == 1
    assert mark_overdue(at=last_moment) == 0
    invoice.refresh_from_db()
    assert invoice.state == "overdue"
    assert Notification.objects.filter(kind="invoice.overdue").count() == 1


def test_a_paid_or_void_invoice_is_not_overdue(invoice, customer):
    pay(invoice, FEB)
    assert mark_overdue(at=FEB + 9 * DAY) == 0


def test_each_step_runs_once_on_its_day(invoice, customer):
    steps(customer, (3, "remind"), (7, "remind"), (30, "write_off"))
    for day in range(1, 40):
        mark_overdue(at=FEB + day * DAY + DAY / 2)
        for _ in range(2):
            run_dunning(at=FEB + day * DAY + DAY / 2)
    assert acts() == [(3, "remind", ""), (7, "remind", ""), (30, "write_off", "")]
    invoice.refresh_from_db()
    assert invoice.state == "uncollectible"
    assert Notification.objects.filter(kind="invoice.reminder").count() == 2
    pay(invoice, FEB + 40 * DAY)
    invoice.refresh_from_db()
    assert invoice.state == "paid"


def test_of_several_due_reminders_only_the_last_is_sent(invoice, customer):
    steps(customer, (3, "remind"), (7, "remind"))
    mark_overdue(at=FEB + 10 * DAY)
    assert run_dunning(at=FEB + 10 * DAY) == 2
    assert acts() == [(3, "remind", SKIPPED_OUTCOME), (7, "remind", "")]


def test_a_customer_on_hold_is_not_dunned_until_the_hold_ends(invoice, customer):
    steps(customer, (3, "remind"))
    Customer.objects.update(dunning_hold_until=date(2026, 2, 20))
    mark_overdue(at=FEB + 10 * DAY)
    assert run_dunning(at=FEB + 10 * DAY) == 0
    assert run_dunning(at=FEB + 20 * DAY) == 1


def test_a_card_is_charged_again(invoice, customer, at_stripe):
    steps(customer, (1, "charge"), (2, "charge"))
    leave_card(customer, at_stripe)
    mark_overdue(at=FEB + 3 * DAY)
    run_dunning(at=FEB + 3 * DAY)
    assert PaymentAttempt.objects.get().state == "pending"
    (first, second) = acts()
    assert first == (1, "charge", "")
    assert "is in progress" in second[2]


def test_a_paused_subscription_resumes_once_the_invoice_is_paid(invoice, customer):
    version = publish(make_plan(fees=[fee("10")]), JAN)
    subscription = subscribe(customer, version, JAN, at=JAN)
    steps(customer, (5, "pause"))
    at = FEB + 8 * DAY
    mark_overdue(at=at)
    run_dunning(at=at)
    assert dunning.apply_dunning_actions(at=at) == 1
    assert dunning.apply_dunning_actions(at=at) == 0
    assert Subscription.objects.get(pk=subscription.pk).state == "paused"
    pay(Invoice.objects.get(pk=invoice.pk), at + DAY)
    assert dunning.apply_dunning_actions(at=at + DAY) == 1
    assert Subscription.objects.get(pk=subscription.pk).state == "active"
    assert DunnedSubscription.objects.get().resumed_at == at + DAY


def test_without_a_running_subscription_the_outcome_is_recorded_once(invoice, customer):
    steps(customer, (5, "cancel"))
    mark_overdue(at=FEB + 8 * DAY)
    run_dunning(at=FEB + 8 * DAY)
    for _ in range(2):
        dunning.apply_dunning_actions(at=FEB + 8 * DAY)
    assert DunnedSubscription.objects.get().outcome == "No active subscription to pause or cancel"


def test_reminders_name_the_amount_due(invoice, customer):
    steps(customer, (1, "remind"))
    record_payment(invoice_id=invoice.pk, amount=D("10.00"), method="manual", reference="bank-1", at=FEB)
    mark_overdue(at=FEB + 3 * DAY)
    run_dunning(at=FEB + 3 * DAY)
    assert Notification.objects.get(kind="invoice.reminder").facts["due"] == "13.8"
