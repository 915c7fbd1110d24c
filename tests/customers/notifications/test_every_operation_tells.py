"""Each operation says what it did, in its own transaction: a table of operations and the notices they leave."""

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
from customers.models import Customer, Notification, WebhookEndpoint
from customers.notifications.kinds import KINDS
from invoices.credit_notes import RequestedCredit, issue_credit_note
from invoices.documents.past_due import mark_overdue
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
from tests.billing.metering.corrections.world import void
from tests.billing.metering.ingest.world import call, make_world, send
from tests.builders import (
    APR,
    FEB,
    JAN,
    agree,
    fee,
    make_coupon,
    make_customer,
    make_pack,
    make_plan,
    make_wallet,
    offer,
    promise,
    publish,
    rate,
    subscribe,
)
from tests.customers.notifications.test_the_page_says_what_is_told import EXAMPLES
from tests.customers.notifications.world import listen
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
class World:
    """Acme on plan pro, beside a plan team; a wallet with a lot; a key."""

    acme: Customer
    pro: PlanVersion
    team: PlanVersion
    running: Subscription
    wallet: Wallet
    api: Caller


@pytest.fixture
def world():
    listen("https://example.com/hook")
    calls = offer("api.calls", included=100, rates=[rate("0.05")])
    seats = fee("10", label="Seats", code="seats", basis="seat")
    pro = publish(make_plan("pro", fees=[fee("20"), seats], offers=[calls]))
    team = publish(make_plan("team", fees=[fee("40")], offers=[calls]))
    acme = make_customer("acme")
    wallet = make_wallet(acme)
    grant_manually(wallet=wallet, terms=Grant("promotional", D(100), "spring"), at=JAN)
    running = subscribe(acme, pro)
    return World(acme, pro, team, running, wallet, Caller())


def on(what, **fields):
    """Return what does something to the subscription in mid-January."""
    return lambda world: getattr(subscriptions, what)(subscription=world.running, at=MID, **fields)


def change_now(world):
    subscriptions.change_plan(subscription=world.running, version=world.team, at=MID)


def change_together(world):
    change_plans(subscription_ids=[world.running.pk], version=world.team, at=MID)


def schedule(world):
    subscriptions.change_at(subscription=world.running, version=world.team, at=MID, at_period_end=True)


def move(world):
    schedule(world)
    subscriptions.generate_periods(until=APR)
    apply_due_changes(at=FEB)


def withdraw(world):
    schedule(world)
    subscriptions.revoke(subscription_ids=[world.running.pk], at=MID)


def uncancel(world):
    on("cancel")(world)
    on("uncancel")(world)


def pause_and_resume(world):
    on("pause", ends_at=MID + timedelta(days=3))(world)
    subscriptions.apply_due_pauses(at=MID)
    subscriptions.apply_due_pauses(at=MID + timedelta(days=3))


def on_trial(world):
    version = publish(make_plan("tried", fees=[fee("5")], trial_days=7))
    return subscribe(world.acme, version, named=True)


def leave_trial(world):
    on_trial(world)
    subscriptions.complete_trials(at=JAN + timedelta(days=7))


def lengthen_trial(world):
    trial = on_trial(world)
    subscriptions.extend_trial(subscription=trial, ends_at=JAN + timedelta(days=9), at=JAN + timedelta(days=1))


def override(world):
    made = agree(world.running, "api.calls", "included", 500, at=MID)
    subscriptions.end_override(override=made, at=MID)


def commit(world):
    end_commitment(commitment=promise(world.running, 100, at=MID, starts_at=FEB), at=MID)


def coupon(world):
    made = subscriptions.apply_coupon(subscription=world.running, coupon=make_coupon(percent=10), at=MID)
    subscriptions.remove_coupon(redemption=made, at=MID)


def lot(world):
    return world.wallet.lots.get()


def take_out(world):
    adjustments.void(lot_id=lot(world).pk, amount=D(10), reference="v", reason="r", at=MID)


def transfer(world):
    other = make_wallet(world.acme, name="Other")
    adjustments.transfer(from_id=world.wallet.pk, to_id=other.pk, amount=D(5), reference="t", reason="r", at=MID)


def lengthen(world):
    adjustments.extend(lot_id=expiring(world).pk, expires_at=APR, reason="r", at=MID)


def expiring(world):
    return grant_manually(wallet=world.wallet, terms=Grant("bonus", D(1), "b", expires_at=FEB), at=MID)


def keep(world):
    made = open_wallet(customer=world.acme, name="Second", at=MID)
    change_wallet(wallet=made, at=MID, priority=9)
    close_wallet(wallet_id=made.pk, at=MID)


def rule(world):
    make_pack("hundred")
    set_rule(wallet_id=world.wallet.pk, request=TopUpRuleRequest(pack="hundred", threshold=D(5)), at=MID)
    remove_rule(wallet_id=world.wallet.pk, at=MID)


def credit_some(world):
    invoice = make_invoice(world.acme)
    issue_credit_note(invoice_id=invoice.pk, lines=[RequestedCredit(1, D(5))], reason="Outage", to="balance", at=APR)


def credit_all(world):
    issue_credit_note(invoice_id=make_invoice(world.acme).pk, lines=None, reason="Wrong", to="balance", at=APR)


def fall_due(world):
    make_invoice(world.acme)
    mark_overdue(at=APR)


def correct(world):
    make_world("zeta")
    send(call("a") | {"customer": "zeta"}, call("b") | {"customer": "zeta"})
    void("a", "b")


def publish_prices(world):
    draft = make_plan("later", fees=[fee("1")])
    publish(draft, at=JAN, effective_from=FEB)
    announce_published_versions(at=JAN)
    announce_published_versions(at=FEB)
    announce_published_versions(at=FEB)


def with_contact(world):
    made = world.api.post("/customers/acme/contacts", {"email": "bea@acme.example"}).json()
    world.api.send("DELETE", f"/customers/acme/contacts/{made['id']}")


def dun_for(action):
    """Return what lets a step be taken for an overdue invoice."""

    def go_after(world):
        invoice = make_invoice(world.acme)
        DunningStep.objects.create(seller=world.acme.seller, days=1, action=action)
        mark_overdue(at=invoice.issued_at + timedelta(days=3))
        run_dunning(at=invoice.issued_at + timedelta(days=3))

    return go_after


def charged(world, *answers):
    """Let a provider give these answers to a charge; return the invoice."""
    invoice = make_invoice(world.acme)
    account = PayerAccount.objects.create(customer=world.acme, provider="stripe", ref="cus_1", created_at=JAN)
    PaymentMethod.objects.create(account=account, ref="pm_1", label="Visa 4242", is_default=True, created_at=JAN)
    charge = attempts.start_payment(invoice_id=invoice.pk, at=invoice.issued_at)
    for answer in answers:
        attempts.record_outcome(attempt_id=charge.pk, response=answer, at=invoice.issued_at)
    return invoice


def taken_back(world):
    invoice = charged(world, ProviderResponse("succeeded", "pi_1"))
    reverse_payment(payment_id=invoice.payments.get().pk, reason="Returned", at=invoice.issued_at)


def disputed(world):
    invoice = charged(world, ProviderResponse("succeeded", "pi_1"))
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
    def refund(world):
        invoice = charged(world, ProviderResponse("succeeded", "pi_1"))
        issue_credit_note(invoice_id=invoice.pk, lines=None, reason="Sorry", to="refund", at=invoice.issued_at)
        refunding.record_refund_outcome(
            refund_id=Refund.objects.get().pk, response=ProviderResponse(state, "re_1"), at=invoice.issued_at
        )

    return refund


PAID = ["invoice.paid", "payment.succeeded"]
TOLD = [
    # done                                                          told, in this order
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
    (take_out, ["wallet.adjusted"]),
    (transfer, ["wallet.adjusted"]),
    (lengthen, ["wallet.granted", "wallet.adjusted"]),
    (keep, ["wallet.created", "wallet.updated", "wallet.closed"]),
    (rule, ["wallet.updated", "wallet.updated"]),
    (credit_some, ["invoice.issued", "invoice.credited"]),
    (credit_all, ["invoice.issued", "invoice.credited", "invoice.voided"]),
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


def notices():
    return Notification.objects.order_by("pk")


@pytest.mark.parametrize(("do", "kinds"), TOLD, ids=[f"{place}-{kinds[-1]}" for place, (_, kinds) in enumerate(TOLD)])
def test_what_is_done_is_told(world, do, kinds):
    before = notices().count()

    do(world)

    told = [notice for notice in notices()[before:] if notice.kind not in ("wallet.granted",) or "wallet.granted" in kinds]
    assert [one.kind for one in told if not _is_of_the_plans_before(one, kinds)] == kinds
    assert all(one.customer_id or one.kind.startswith("plan.") for one in told)


def _is_of_the_plans_before(one, kinds):
    """The world's own plans are published as well, and told when somebody looks."""
    return one.kind.startswith("plan.") and one.facts["plan"] != "later"


def test_what_is_rolled_back_is_not_told(world):
    before = notices().count()
    with transaction.atomic():
        on("cancel")(world)
        transaction.set_rollback(True)

    assert notices().count() == before


def test_nothing_is_told_of_many_where_nobody_listens(world):
    before = notices().count()
    WebhookEndpoint.objects.update(kinds=["invoice.issued"])
    change_now(world)

    assert notices().count() == before


def test_no_fact_of_a_customer_is_personal(world):
    world.api.patch("/customers/acme", {"city": "Rome", "legal_name": "Canary Ltd"})

    assert notices().last().facts == {"changed": "city, legal_name"}


def test_the_facts_are_those_of_the_page(world):
    shown = {example["type"]: set(example["data"]) - {"customer", "sandbox"} for example in EXAMPLES}
    varies = {"subscription.updated"}
    for do, kinds in TOLD:
        with transaction.atomic():
            do(world)
            for notice in notices():
                if notice.kind in kinds and notice.kind not in varies and notice.kind not in OLDER:
                    assert set(notice.facts) == shown[notice.kind], notice.kind
            transaction.set_rollback(True)


OLDER = {"subscription.created", "subscription.paused", "subscription.resumed", "invoice.issued", "wallet.granted"}
"""Kinds whose facts have tests of their own."""


def test_every_kind_is_told_by_something():
    told = {kind for _, kinds in TOLD for kind in kinds}
    elsewhere = {"alert.fired", "alert.recovered", "invoice.paid", "migration.announced", "subscription.ended"}
    elsewhere |= {"topup.failed", "topup.paid", "topup.switched_off", "wallet.expired", "wallet.granted"}

    assert set(KINDS) - told <= elsewhere
