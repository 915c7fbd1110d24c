"""Each operation announces its effect in its own transaction: a table of operations and their notifications."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction

from billing import subscriptions
from billing.models import Subscription
from billing.subscriptions.plan_changes.bulk_plan_change import change_plans
from billing.subscriptions.plan_changes.due_changes import apply_due_changes
from billing.subscriptions.plan_changes.price_notifications import announce_published_versions
from billing.subscriptions.terms.commitments import end_commitment
from customers.models import Contact, Customer, Notification, WebhookEndpoint
from customers.notifications.kinds import KINDS
from invoices.credit_notes import RequestedCredit, issue_credit_note
from invoices.documents.invoice_email import send_invoice_again
from invoices.documents.past_due import mark_overdue
from invoices.explanation.customer_email import send_explanation
from invoices.models import DunningStep, PayerAccount, PaymentMethod, ProviderEvent, Refund
from invoices.payments import attempts
from invoices.payments.attempts.settlement import reverse_payment
from invoices.payments.dunning.dunning_run import run_dunning
from invoices.payments.provider_webhooks.event_followup import process_event
from invoices.payments.providers import ProviderResponse
from invoices.payments.refunds import refund as refunding
from plans.models import PlanVersion
from tests.api.calls import Caller
from tests.api.invoice_rows import make_invoice
from tests.billing.metering.corrections.correction_setup import void
from tests.billing.metering.ingest.ingest_setup import call, make_metered_subscription, send
from tests.builders import (
    APR,
    FEB,
    JAN,
    add_commitment,
    add_override,
    fee,
    make_coupon,
    make_customer,
    make_pack,
    make_plan,
    make_wallet,
    offer,
    publish,
    rate,
    subscribe,
)
from tests.customers.notifications.announcements import create_endpoint
from tests.customers.notifications.test_webhooks_page_is_complete import EXAMPLES
from wallets.auto_topup import TopUpRuleRequest, remove_rule, set_rule
from wallets.ledger import adjustments
from wallets.ledger.grant import Grant
from wallets.models import Wallet
from wallets.operations.manual_grants import grant_manually
from wallets.operations.wallet_settings import change_wallet, close_wallet, open_wallet

pytestmark = pytest.mark.django_db

D = Decimal
MID = JAN + timedelta(days=14)
CUSTOMER = {"id": "new", "legal_name": "New Ltd", "country": "US"}


@dataclass
class Scenario:
    """Acme on the plan pro, and a plan team; a wallet with a lot; an API key."""

    acme: Customer
    pro: PlanVersion
    team: PlanVersion
    running: Subscription
    wallet: Wallet
    api: Caller


@pytest.fixture
def scenario():
    create_endpoint("https://example.com/hook")
    calls = offer("api.calls", included=100, rates=[rate("0.05")])
    seats = fee("10", label="Seats", code="seats", basis="seat")
    pro = publish(make_plan("pro", fees=[fee("20"), seats], offers=[calls]))
    team = publish(make_plan("team", fees=[fee("40")], offers=[calls]))
    acme = make_customer("acme")
    wallet = make_wallet(acme)
    grant_manually(wallet=wallet, terms=Grant("promotional", D(100), "spring"), at=JAN)
    running = subscribe(acme, pro)
    return Scenario(acme, pro, team, running, wallet, Caller())


def on(operation, **fields):
    """Return a function that calls an operation of the subscription in mid-January."""
    return lambda scenario: getattr(subscriptions, operation)(subscription=scenario.running, at=MID, **fields)


def change_now(scenario):
    subscriptions.change_plan(subscription=scenario.running, version=scenario.team, at=MID)


def change_together(scenario):
    change_plans(subscription_ids=[scenario.running.pk], version=scenario.team, at=MID)


def schedule(scenario):
    subscriptions.change_at(subscription=scenario.running, version=scenario.team, at=MID, at_period_end=True)


def move(scenario):
    schedule(scenario)
    subscriptions.generate_periods(until=APR)
    apply_due_changes(at=FEB)


def withdraw(scenario):
    schedule(scenario)
    subscriptions.revoke(subscription_ids=[scenario.running.pk], at=MID)


def uncancel(scenario):
    on("cancel")(scenario)
    on("uncancel")(scenario)


def pause_and_resume(scenario):
    on("pause", ends_at=MID + timedelta(days=3))(scenario)
    subscriptions.apply_due_pauses(at=MID)
    subscriptions.apply_due_pauses(at=MID + timedelta(days=3))


def on_trial(scenario):
    version = publish(make_plan("tried", fees=[fee("5")], trial_days=7))
    return subscribe(scenario.acme, version, named=True)


def leave_trial(scenario):
    on_trial(scenario)
    subscriptions.complete_trials(at=JAN + timedelta(days=7))


def lengthen_trial(scenario):
    trial = on_trial(scenario)
    subscriptions.extend_trial(subscription=trial, ends_at=JAN + timedelta(days=9), at=JAN + timedelta(days=1))


def override(scenario):
    added = add_override(scenario.running, "api.calls", "included", 500, at=MID)
    subscriptions.end_override(override=added, at=MID)


def commit(scenario):
    end_commitment(commitment=add_commitment(scenario.running, 100, at=MID, starts_at=FEB), at=MID)


def coupon(scenario):
    redemption = subscriptions.apply_coupon(subscription=scenario.running, coupon=make_coupon(percent=10), at=MID)
    subscriptions.remove_coupon(redemption=redemption, at=MID)


def customer_coupon(scenario):
    customer = scenario.running.customer
    redemption = subscriptions.apply_customer_coupon(customer=customer, coupon=make_coupon(percent=10), at=MID)
    subscriptions.remove_coupon(redemption=redemption, at=MID + timedelta(days=1))


def lot(scenario):
    return scenario.wallet.lots.get()


def take_out(scenario):
    adjustments.void(lot_id=lot(scenario).pk, amount=D(10), reference="v", reason="r", at=MID)


def transfer(scenario):
    other = make_wallet(scenario.acme, name="Other")
    adjustments.transfer(from_id=scenario.wallet.pk, to_id=other.pk, amount=D(5), reference="t", reason="r", at=MID)


def lengthen(scenario):
    adjustments.extend(lot_id=expiring(scenario).pk, expires_at=APR, reason="r", at=MID)


def expiring(scenario):
    return grant_manually(wallet=scenario.wallet, terms=Grant("bonus", D(1), "b", expires_at=FEB), at=MID)


def void_everything(scenario):
    adjustments.void_all(wallet_id=scenario.wallet.pk, reference="v", reason="Canceled", at=MID)


def keep(scenario):
    opened = open_wallet(customer=scenario.acme, name="Second", at=MID)
    change_wallet(wallet=opened, at=MID, priority=9)
    close_wallet(wallet_id=opened.pk, at=MID)


def rule(scenario):
    make_pack("hundred")
    set_rule(wallet_id=scenario.wallet.pk, request=TopUpRuleRequest(pack="hundred", threshold=D(5)), at=MID)
    remove_rule(wallet_id=scenario.wallet.pk, at=MID)


def credit_some(scenario):
    invoice = make_invoice(scenario.acme)
    issue_credit_note(invoice_id=invoice.pk, lines=[RequestedCredit(1, D(5))], reason="Outage", to="balance", at=APR)


def credit_all(scenario):
    issue_credit_note(invoice_id=make_invoice(scenario.acme).pk, lines=None, reason="Wrong", to="balance", at=APR)


def fall_due(scenario):
    make_invoice(scenario.acme)
    mark_overdue(at=APR)


def correct(scenario):
    make_metered_subscription("zeta")
    send(call("a") | {"customer": "zeta"}, call("b") | {"customer": "zeta"})
    void("a", "b")


def publish_prices(scenario):
    draft = make_plan("later", fees=[fee("1")])
    publish(draft, at=JAN, effective_from=FEB)
    announce_published_versions(at=JAN)
    announce_published_versions(at=FEB)
    announce_published_versions(at=FEB)


def with_contact(scenario):
    contact = scenario.api.post("/customers/acme/contacts", {"email": "bea@acme.example"}).json()
    scenario.api.send("DELETE", f"/customers/acme/contacts/{contact['id']}")


def dun_for(action):
    """Return a function that makes a dunning step due for an overdue invoice."""

    def go_after(scenario):
        invoice = make_invoice(scenario.acme)
        DunningStep.objects.create(seller=scenario.acme.seller, days=1, action=action)
        mark_overdue(at=invoice.issued_at + timedelta(days=3))
        run_dunning(at=invoice.issued_at + timedelta(days=3))

    return go_after


def charged(scenario, *answers):
    """Make a provider give these answers to a payment attempt; return the invoice."""
    invoice = make_invoice(scenario.acme)
    account = PayerAccount.objects.create(customer=scenario.acme, provider="stripe", ref="cus_1", created_at=JAN)
    PaymentMethod.objects.create(account=account, ref="pm_1", label="Visa 4242", is_default=True, created_at=JAN)
    charge = attempts.start_payment(invoice_id=invoice.pk, at=invoice.issued_at)
    for answer in answers:
        attempts.record_outcome(attempt_id=charge.pk, response=answer, at=invoice.issued_at)
    return invoice


def taken_back(scenario):
    invoice = charged(scenario, ProviderResponse("succeeded", "pi_1"))
    reverse_payment(payment_id=invoice.payments.get().pk, reason="Returned", at=invoice.issued_at)


def disputed(scenario):
    invoice = charged(scenario, ProviderResponse("succeeded", "pi_1"))
    thing = {"id": "dp_1", "payment_intent": "pi_1", "status": "needs_response"}
    event = ProviderEvent.objects.create(
        provider="stripe",
        ref="evt_1",
        kind="charge.dispute.created",
        content={"data": {"object": thing}},
        received_at=JAN,
        next_at=JAN,
    )
    process_event(event_id=event.pk, at=invoice.issued_at)


def refunded(state):
    def refund(scenario):
        invoice = charged(scenario, ProviderResponse("succeeded", "pi_1"))
        issue_credit_note(invoice_id=invoice.pk, lines=None, reason="Sorry", to="refund", at=invoice.issued_at)
        refunding.record_refund_outcome(
            refund_id=Refund.objects.get().pk, response=ProviderResponse(state, "re_1"), at=invoice.issued_at
        )

    return refund


def explain(scenario):
    Contact.objects.create(customer=scenario.acme, name="Bea", email="bea@acme.example")
    send_explanation(invoice_id=make_invoice(scenario.acme).pk, at=FEB)


def send_again(scenario):
    Contact.objects.create(customer=scenario.acme, name="Bea", email="bea@acme.example")
    send_invoice_again(invoice_id=make_invoice(scenario.acme).pk, key="once", at=FEB)


PAID = ["invoice.paid", "payment.succeeded"]
OPERATIONS = [
    # operation                                                     notifications, in this order
    (lambda w: w.api.post("/customers", CUSTOMER), ["customer.created"]),
    (lambda w: w.api.patch("/customers/acme", {"city": "Rome"}), ["customer.updated"]),
    (with_contact, ["customer.updated", "customer.updated"]),
    (on_trial, ["subscription.created"]),
    (change_now, ["subscription.plan_changed"]),
    (change_together, ["subscription.plan_changed"]),
    (schedule, ["subscription.change_scheduled"]),
    (move, ["subscription.change_scheduled", "subscription.plan_changed"]),
    (withdraw, ["subscription.change_scheduled", "subscription.change_withdrawn"]),
    (on("cancel"), ["subscription.canceled"]),
    (uncancel, ["subscription.canceled", "subscription.cancellation_withdrawn"]),
    (on("cancel", ends_at=MID), ["subscription.canceled"]),
    (pause_and_resume, ["subscription.paused", "subscription.resumed"]),
    (leave_trial, ["subscription.created", "subscription.trial_ended"]),
    (lengthen_trial, ["subscription.created", "subscription.updated"]),
    (on("set_quantity", fee_code="seats", quantity=3), ["subscription.updated"]),
    (override, ["subscription.updated", "subscription.updated"]),
    (commit, ["subscription.updated", "subscription.updated"]),
    (coupon, ["subscription.updated", "subscription.updated"]),
    (customer_coupon, ["customer.updated", "customer.updated"]),
    (take_out, ["wallet.adjusted"]),
    (void_everything, ["wallet.adjusted"]),
    (transfer, ["wallet.adjusted"]),
    (lengthen, ["wallet.granted", "wallet.adjusted"]),
    (keep, ["wallet.created", "wallet.updated", "wallet.closed"]),
    (rule, ["wallet.updated", "wallet.updated"]),
    (credit_some, ["invoice.issued", "invoice.credited"]),
    (credit_all, ["invoice.issued", "invoice.credited", "invoice.voided"]),
    (explain, ["invoice.explained"]),
    (send_again, ["invoice.resent"]),
    (fall_due, ["invoice.overdue"]),
    (dun_for("remind"), ["invoice.overdue", "invoice.reminder"]),
    (dun_for("write_off"), ["invoice.overdue", "invoice.uncollectible"]),
    (lambda w: charged(w, ProviderResponse("declined", "pi_1", reason="No")), ["payment.failed"]),
    (lambda w: charged(w, ProviderResponse("succeeded", "pi_1")), PAID),
    (taken_back, [*PAID, "payment.taken_back"]),
    (disputed, [*PAID, "payment.disputed"]),
    (refunded("succeeded"), [*PAID, "invoice.issued", "invoice.credited", "refund.succeeded"]),
    (refunded("declined"), [*PAID, "invoice.issued", "invoice.credited", "refund.failed"]),
    (correct, ["subscription.created", "usage.corrected"]),
    (publish_prices, ["plan.version_published", "plan.version_in_force"]),
]


def notifications():
    return Notification.objects.order_by("pk")


@pytest.mark.parametrize(
    ("do", "kinds"), OPERATIONS, ids=[f"{place}-{kinds[-1]}" for place, (_, kinds) in enumerate(OPERATIONS)]
)
def test_each_operation_sends_its_notifications(scenario, do, kinds):
    before = notifications().count()

    do(scenario)

    announced = [
        notification
        for notification in notifications()[before:]
        if notification.kind not in ("wallet.granted",) or "wallet.granted" in kinds
    ]
    assert [
        notification.kind for notification in announced if not _is_of_a_fixture_plan(notification, kinds)
    ] == kinds
    assert all(notification.customer_id or notification.kind.startswith("plan.") for notification in announced)


def _is_of_a_fixture_plan(notification, kinds):
    """Return whether a notification is about the fixture's own plans, whose publication is announced later."""
    return notification.kind.startswith("plan.") and notification.facts["plan"] != "later"


def test_a_rolled_back_operation_sends_no_notification(scenario):
    before = notifications().count()
    with transaction.atomic():
        on("cancel")(scenario)
        transaction.set_rollback(True)

    assert notifications().count() == before


def test_no_notification_is_stored_without_a_subscriber(scenario):
    before = notifications().count()
    WebhookEndpoint.objects.update(kinds=["invoice.issued"])
    change_now(scenario)

    assert notifications().count() == before


def test_no_fact_of_a_customer_is_personal(scenario):
    scenario.api.patch("/customers/acme", {"city": "Rome", "legal_name": "Canary Ltd"})

    assert notifications().last().facts == {"changed": "city, legal_name"}


def test_the_facts_are_those_of_the_docs(scenario):
    documented_facts = {example["type"]: set(example["data"]) - {"customer", "sandbox"} for example in EXAMPLES}
    varies = {"subscription.updated"}
    for do, kinds in OPERATIONS:
        with transaction.atomic():
            do(scenario)
            for notice in notifications():
                if notice.kind in kinds and notice.kind not in varies and notice.kind not in OLDER:
                    assert set(notice.facts) == documented_facts[notice.kind], notice.kind
            transaction.set_rollback(True)


OLDER = {"subscription.created", "subscription.paused", "subscription.resumed", "invoice.issued", "wallet.granted"}
"""Kinds whose facts have their own tests."""


def test_every_kind_is_sent_by_an_operation():
    announced_kinds = {kind for _, kinds in OPERATIONS for kind in kinds}
    elsewhere = {"alert.fired", "alert.recovered", "invoice.paid", "migration.announced", "subscription.ended"}
    elsewhere |= {"topup.failed", "topup.paid", "topup.switched_off", "wallet.expired", "wallet.granted"}

    assert set(KINDS) - announced_kinds <= elsewhere
