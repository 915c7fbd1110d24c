"""A month's checklist counts its open points in a fixed number of queries, and blocking points prevent the lock."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from access.approvals import Requester, perform
from access.models import ApprovalRule
from billing.audit.job import start_audit
from billing.audit.records import invoice_numbers
from billing.closing import close_due
from billing.job_kinds import KINDS
from billing.jobs.worker import work
from billing.models import AccountingTarget, Counter, Job, UnmatchedUsage
from billing.models.jobs import JobState
from billing.revenue import month_end
from billing.revenue.accruals.accrual_run import accrue_all
from billing.revenue.month_end.checklist import read_checklist
from billing.subscriptions.plan_changes.acts import PublishVersion
from customers.models import Delivery
from customers.notifications import webhook_endpoints
from customers.notifications.fan_out import fan_out
from invoices.credit_notes import issue_credit_note
from invoices.documents.locked_months import MonthLockRefused
from invoices.models import (
    Invoice,
    MerchantAccount,
    PayerAccount,
    PaymentAttempt,
    PaymentMethod,
    ProviderEvent,
    Refund,
    Rendering,
)
from invoices.payments.manual_payments import record_payment
from invoices.payments.provider_webhooks.event_followup import process_events
from invoices.payments.refunds.refund import record_manual_refund
from lib.encryption import encrypt
from plans.publishing.publication import new_version
from tests.billing.revenue.accounting_files.account_builders import make_account, map_role
from tests.builders import (
    FEB,
    JAN,
    MAR,
    fee,
    make_customer,
    make_plan,
    make_seller,
    offer,
    publish,
    rate,
    subscribe,
    use,
)
from tests.deferred_checks import check_deferred
from tests.owner_rights import past_triggers

pytestmark = pytest.mark.django_db
JANUARY, FEBRUARY = date(2026, 1, 1), date(2026, 2, 1)
CLOSED_AT = FEB + timedelta(hours=1)


@pytest.fixture
def version():
    return publish(make_plan(fees=[fee("20", billed="arrears")], offers=[offer("calls", rates=[rate("0.05")])]))


@pytest.fixture
def over(version):
    """Return the periods of January of two customers: 20.00 and usage of 5.00 each."""
    return [use(subscribe(make_customer(), version), "calls", 100) for _ in range(2)]


def open_points(month=JANUARY, **more):
    return {
        point.code: point.count
        for point in read_checklist(seller=make_seller(), month=month, **more)
        if point.is_open
    }


def lock(month=JANUARY, *, at=MAR):
    return month_end.lock_checked_month(seller=make_seller(), month=month, note="", by=None, at=at)


def unmatched(customer, day):
    UnmatchedUsage.objects.create(
        event_key=f"00000000-0000-0000-0000-{day:012}",
        sequence=day,
        occurred_at=datetime(2026, 1, day, tzinfo=UTC),
        sandbox=False,
        customer_ref=customer,
        event_name="nothing",
        reason="unknown_event",
    )


def test_unbilled_periods_keep_the_month_open(over):
    Counter.objects.filter(period=over[0]).update(plan_feature_id=10**9)
    assert open_points() == {"periods_open": 2, "audit_missing": 1}
    close_due(at=CLOSED_AT)
    assert open_points() == {"periods_failed": 1, "audit_missing": 1}
    with pytest.raises(
        MonthLockRefused, match=r"January 2026 of Acme Inc\. can't be locked\. 1 period failed to be invoiced\."
    ):
        lock()


def test_a_period_that_starts_with_the_next_month_does_not_count(version):
    subscribe(make_customer(), publish(make_plan(fees=[fee("20")])), FEB)  # its opening period is due at once
    assert open_points() == {"audit_missing": 1}
    assert open_points(FEBRUARY)["periods_open"] >= 1


def test_late_and_unmatched_usage_is_counted_with_its_amount(over):
    close_due(at=CLOSED_AT)
    use(over[0].subscription, "calls", 20)
    unmatched(over[0].subscription.customer.external_id, 5)
    unmatched("nobody", 6)
    unmatched(make_customer(seller=make_seller("other")).external_id, 7)
    points = {point.code: point for point in read_checklist(seller=make_seller(), month=JANUARY)}
    assert points["late_usage"].count == 1
    assert points["late_usage"].amounts == {"USD": Decimal("1.00")}
    assert points["unmatched_usage"].count == 2
    (stored,) = (point for point in lock().checklist if point["code"] == "late_usage")
    assert stored["amounts"] == [{"amount": "1", "currency": "USD"}]


def test_invoices_without_a_file_unsent_or_overpaid_are_counted(over):
    webhook_endpoints.create(url="https://example.com/", by=None)
    close_due(at=CLOSED_AT)
    fan_out(at=CLOSED_AT)
    Delivery.objects.update(state="given_up", next_at=None)
    first = Invoice.objects.order_by("pk").first()
    Rendering.objects.create(invoice=first, content=b"x", sha256="0" * 64, rendered_at=MAR)
    record_payment(invoice_id=first.pk, amount=first.due, method="manual", reference="bank", at=CLOSED_AT)
    issue_credit_note(invoice_id=first.pk, lines=None, reason="sorry", to="refund", at=CLOSED_AT)
    points = open_points(FEBRUARY)
    assert (points["without_file"], points["not_sent"], points["overpaid"]) == (2, 2, 1)


@pytest.mark.parametrize("destination", ["balance", "offset"])
def test_a_credit_on_the_customer_balance_is_no_overpayment(over, destination):
    close_due(at=CLOSED_AT)
    invoice = Invoice.objects.order_by("pk").first()
    record_payment(invoice_id=invoice.pk, amount=invoice.due, method="manual", reference="bank", at=CLOSED_AT)
    issue_credit_note(invoice_id=invoice.pk, lines=None, reason="sorry", to=destination, at=CLOSED_AT)
    assert "overpaid" not in open_points(FEBRUARY)


def test_an_overpayment_is_settled_by_its_refund(over):
    close_due(at=CLOSED_AT)
    invoice = Invoice.objects.order_by("pk").first()
    record_payment(invoice_id=invoice.pk, amount=invoice.due, method="manual", reference="bank", at=CLOSED_AT)
    issue_credit_note(invoice_id=invoice.pk, lines=None, reason="sorry", to="refund", at=CLOSED_AT)
    assert open_points(FEBRUARY)["overpaid"] == 1
    record_manual_refund(refund_id=Refund.objects.get().pk, reference="bank-2", at=CLOSED_AT, by=None)
    assert "overpaid" not in open_points(FEBRUARY)


def test_a_change_that_waits_for_approval_is_counted(version, django_user_model):
    proposal = new_version(source=version, by=None, at=JAN)
    check_deferred()
    ApprovalRule.objects.filter(kind="price_changes").update(is_required=True)
    olga = Requester(user=django_user_model.objects.create(username="olga"))
    perform(PublishVersion(version_id=proposal.pk, audience="new"), by=olga, at=JAN)
    assert open_points()["approvals"] == 1


def test_the_audit_is_a_job_and_its_findings_keep_the_month_open(over, monkeypatch):
    monkeypatch.setattr("billing.audit.job.CHECKS", invoice_numbers.CHECKS)
    close_due(at=CLOSED_AT)
    audit(at=MAR)
    assert open_points() == {}
    with past_triggers(), connection.cursor() as cursor:
        cursor.execute("UPDATE invoices_numberseries SET last_number = 7")
    job = audit(at=MAR)
    assert "invoice_numbers_have_no_gaps_or_duplicates" in str(
        job.items.exclude(findings=[]).values_list("findings", flat=True)
    )
    assert open_points()["audit_violated"] == job.figures["violated"] > 0
    with pytest.raises(MonthLockRefused, match="integrity check"):
        lock()


def audit(*, at) -> Job:
    job = start_audit(by=None, at=at)
    work(kinds=KINDS, clock=lambda: at, job_id=job.pk)
    job.refresh_from_db()
    assert job.state == JobState.DONE
    return job


def test_a_fully_billed_month_is_locked_with_its_checklist(over):
    close_due(at=CLOSED_AT)
    month_lock = lock()
    assert {point["code"]: point["count"] for point in month_lock.checklist if point["count"]} == {"audit_missing": 1}


def test_amounts_without_an_account_in_a_target_in_use_keep_the_month_open(over):
    close_due(at=CLOSED_AT)
    accrue_all(at=FEB + timedelta(hours=2))
    assert "unmapped" not in open_points(), "no target is in use"
    for target in ("journal", "hledger"):
        AccountingTarget.objects.create(seller=make_seller(), target=target)
    map_role("unbilled", make_account(code="1250"))
    points = {point.code: point for point in read_checklist(seller=make_seller(), month=JANUARY)}
    assert points["unmapped"].prevents_lock
    assert points["unmapped"].amounts == {"USD": Decimal(50)}, "once, however many targets lack the account"
    with pytest.raises(MonthLockRefused, match=r"kinds? of amounts? ha(s|ve) no account"):
        lock()
    map_role("revenue", make_account(code="4000"))
    assert "unmapped" not in open_points()
    assert lock().checklist


def test_payments_without_an_outcome_are_counted_with_their_amounts(over):
    close_due(at=CLOSED_AT)
    account = PayerAccount.objects.create(customer=over[0].subscription.customer, provider="stripe", created_at=JAN)
    card = PaymentMethod.objects.create(account=account, ref="card_1", label="4242", created_at=JAN)
    facts = {"provider": "stripe", "created_at": CLOSED_AT, "currency": "USD", "number": 1, "payment_method": card}
    first, second = Invoice.objects.order_by("pk")
    PaymentAttempt.objects.create(invoice=first, amount=5, sent_at=CLOSED_AT, next_at=MAR, **facts)
    PaymentAttempt.objects.create(invoice=second, amount=5, next_at=MAR, **facts)  # not sent yet
    points = {point.code: point for point in read_checklist(seller=make_seller(), month=FEBRUARY)}
    assert (points["payments_pending"].count, points["payments_pending"].amounts) == (1, {"USD": Decimal(5)})
    assert not points["payments_pending"].blocks
    assert "payments_pending" not in open_points(JANUARY)


def test_payments_that_no_invoice_asked_for_are_counted_for_the_seller_of_the_account():
    other = make_seller("other")
    own = MerchantAccount.objects.create(
        seller=other, secret_key=encrypt("sk_test"), webhook_secret=encrypt("whsec"), created_at=JAN
    )
    for number, merchant, kind in [(1, None, "payment_intent.succeeded"), (2, own, "payment_intent.succeeded"),
                                   (3, own, "charge.succeeded")]:  # fmt: skip
        event = {"provider": "stripe", "merchant": merchant, "ref": f"evt_{number}", "kind": kind, "content": {}}
        ProviderEvent.objects.create(received_at=JAN + timedelta(days=3), next_at=JAN, **event)
    process_events(at=JAN + timedelta(days=4))
    for seller in (make_seller(), other):
        (point,) = (
            point for point in read_checklist(seller=seller, month=JANUARY) if point.code == "payments_unmatched"
        )
        assert (point.count, point.blocks) == (1, False), seller
    assert "payments_unmatched" not in open_points(FEBRUARY)


def test_the_query_count_does_not_grow_with_the_rows(over, version):
    def query_count():
        with CaptureQueriesContext(connection) as captured:
            read_checklist(seller=make_seller(), month=FEBRUARY)
        return len(captured)

    def happen():
        close_due(at=CLOSED_AT)
        for number, period in enumerate(over):
            use(period.subscription, "calls", 20)
            unmatched(period.subscription.customer.external_id, len(over) + number)

    happen()
    few = query_count()
    over[:] = [use(subscribe(make_customer(), version), "calls", 100) for _ in range(5)]
    happen()
    assert query_count() <= few <= 40
