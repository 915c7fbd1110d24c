"""Over the API, an act that needs approval is answered by 202 with its request; a repeated key answers the same."""

import json
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from access.approvals import approve
from access.models import ApprovalRequest
from billing.models import Job
from invoices.models import CustomerBalance, Invoice, Payment, Refund
from invoices.models.balances import BalanceEntry, BalanceKind
from tests.api.calls import Caller, problem
from tests.billing.plan_migrations.migration_setup import make_version, planned
from tests.builders import fee, make_customer, make_plan, make_wallet, offer, publish, rate, subscribe
from wallets.ledger.grant import Grant, grant
from wallets.models import Lot

pytestmark = pytest.mark.django_db


@pytest.fixture
def caller(db):
    return Caller()


def body(response, status=202):
    assert response.status_code == status, response.content
    return json.loads(response.content)


def decide(request: dict, paula) -> ApprovalRequest:
    return approve(request_id=request["id"], by=paula, at=timezone.now())


def test_a_credit_note_waits_and_is_issued_once_approved(caller, invoice, paula, require):
    require("credit_notes", EUR=1)
    order = {"invoice": invoice.pk, "reason": "Outage", "to": "balance"}
    waiting = body(caller.post("/credit-notes", order, Idempotency_Key="once"))
    assert (waiting["state"], waiting["amount"], waiting["unit"], waiting["customer"]) == (
        *("waiting", "17.85", "EUR"),
        "globex",
    )
    assert body(caller.post("/credit-notes", order, Idempotency_Key="once")) == waiting
    assert ApprovalRequest.objects.count() == 1
    decide(waiting, paula)
    approved = body(caller.get(f"/approval-requests/{waiting['id']}"), 200)
    note = Invoice.objects.get(kind="credit_note")
    assert (approved["state"], approved["outcome"]) == ("approved", note.pk)


def test_an_invoice_is_voided_once_approved(caller, invoice, paula, require):
    require("credit_notes")
    decide(body(caller.post(f"/invoices/{invoice.pk}/void", {"reason": "Wrong address"})), paula)
    invoice.refresh_from_db()
    assert invoice.state == "void"


def test_a_payment_is_recorded_once_approved(caller, invoice, paula, require):
    require("manual_payments", EUR=5)
    payment = {"reference": "statement 12", "amount": "10"}
    decide(body(caller.post(f"/invoices/{invoice.pk}/payments", payment)), paula)
    assert Payment.objects.get().amount == 10
    assert body(caller.post(f"/invoices/{invoice.pk}/payments", payment), 201)["amount"]["amount"] == "10.00"
    assert ApprovalRequest.objects.count() == 1


def test_a_grant_waits_by_its_own_key(caller, paula, require):
    require("grants", credits=10)
    wallet = make_wallet()
    terms = {"amount": "11", "key": "promo", "reason": "Sorry"}
    waiting = body(caller.post(f"/wallets/{wallet.pk}/grants", terms))
    assert body(caller.post(f"/wallets/{wallet.pk}/grants", terms))["id"] == waiting["id"]
    decide(waiting, paula)
    assert body(caller.post(f"/wallets/{wallet.pk}/grants", terms), 201)["amount"] == "11"
    assert Lot.objects.get().amount == 11


def test_a_repeated_grant_within_the_limit_counts_once(caller, require):
    require("grants", credits=10)
    wallet = make_wallet()
    for _ in range(3):
        body(caller.post(f"/wallets/{wallet.pk}/grants", {"amount": "6", "key": "promo"}), 201)
    body(caller.post(f"/wallets/{wallet.pk}/grants", {"amount": "4", "key": "more"}), 201)
    body(caller.post(f"/wallets/{wallet.pk}/grants", {"amount": "1", "key": "too much"}), 202)


def test_a_lot_is_refunded_once_approved(caller, paula, require):
    require("refunds")
    wallet = make_wallet()
    (lot,) = grant(
        wallet_id=wallet.pk, grants=[Grant("purchased", Decimal(10), "sale", cost=Decimal(5))], at=timezone.now()
    )
    waiting = body(caller.post(f"/lots/{lot.pk}/refund", {"reason": "Left", "key": "left"}))
    decide(waiting, paula)
    lot.refresh_from_db()
    assert lot.remaining == 0


def test_a_balance_is_paid_out_once_approved(caller, invoice, paula, require):
    require("refunds", EUR=1)
    owner = {"customer": invoice.customer, "seller": invoice.seller, "currency": "EUR"}
    BalanceEntry.objects.create(
        **owner, kind=BalanceKind.OVERPAYMENT, amount=9, reference="surplus", document=invoice, at=timezone.now()
    )
    waiting = body(caller.post("/customers/globex/balances/payouts", {"amount": "9", "currency": "EUR"}))
    assert CustomerBalance.objects.get().amount == 9
    decide(waiting, paula)
    assert (Refund.objects.get().amount, CustomerBalance.objects.get().amount) == (9, 0)


def test_an_override_and_its_end_wait(caller, invoice, paula, require):
    subscription = subscribe(
        invoice.customer,
        publish(
            make_plan(
                fees=[fee("9", currency="EUR")],
                offers=[offer("calls", rates=[rate("0.05")], currency="EUR")],
            )
        ),
        external_id="sub-1",
    )
    require("overrides")
    terms = {"feature": "calls", "figure": "percent", "value": "-20", "reason": "Deal"}
    decide(body(caller.post("/subscriptions/sub-1/overrides", terms)), paula)
    override = subscription.overrides.get()
    assert (override.value, override.reason) == (-20, "Deal")
    decide(body(caller.post(f"/subscriptions/sub-1/overrides/{override.pk}/end", {})), paula)
    override.refresh_from_db()
    assert override.ends_at is not None
    commitment = {"minimum": "500", "reason": "Contract"}
    decide(body(caller.post("/subscriptions/sub-1/commitments", commitment)), paula)
    assert subscription.commitments.get().minimum == 500


def test_a_key_withdraws_its_own_request_only(caller, invoice, require):
    require("credit_notes")
    waiting = body(caller.post("/credit-notes", {"invoice": invoice.pk, "reason": "Outage", "to": "balance"}))
    path = f"/approval-requests/{waiting['id']}/withdraw"
    assert "Only the person who made the request" in problem(Caller().post(path, {}), 409, "conflict")["detail"]
    assert body(caller.post(path, {}), 200)["state"] == "withdrawn"
    problem(caller.post(path, {}), 409, "conflict")


def test_another_key_with_the_same_act_is_refused(caller, invoice, require):
    require("credit_notes")
    order = {"invoice": invoice.pk, "reason": "Outage", "to": "balance"}
    caller.post("/credit-notes", order)
    problem(Caller().post("/credit-notes", order), 409, "conflict")


def test_requests_are_listed_by_kind_and_state(caller, invoice, require):
    require("credit_notes")
    caller.post("/credit-notes", {"invoice": invoice.pk, "reason": "Outage", "to": "balance"})
    for query, count in (({"kind": "credit_notes"}, 1), ({"kind": "grants"}, 0), ({"state": "waiting"}, 1)):
        assert len(body(caller.get("/approval-requests", **query), 200)["data"]) == count
    assert body(Caller(sandbox=True).get("/approval-requests"), 200)["data"] == []
    assert User.objects.count() == 0  # nobody else took part


def test_a_migration_runs_once_approved(caller, paula, require):
    subscribe(make_customer("acme"), make_version("old"))
    migration = planned(make_version("new"))
    require("plan_migrations")
    waiting = body(caller.post(f"/migrations/{migration.pk}/run", {}))
    assert (waiting["kind"], waiting["title"]) == ("plan_migrations", "Run To the new plan")
    decide(waiting, paula)
    approved = body(caller.get(f"/approval-requests/{waiting['id']}"), 200)
    assert approved["outcome"] == Job.objects.get().pk
