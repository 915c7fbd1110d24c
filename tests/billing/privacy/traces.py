"""Personal data that a customer's contact leaves: by signing in, by paying, and in data from providers and logs."""

from datetime import date, timedelta
from decimal import Decimal

import pgtrigger
from django.conf import settings
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType

from billing.jobs import start
from billing.models import PlanMigration, Subscription
from billing.models.jobs import JobKind
from customers.models import Customer, Delivery
from customers.models.portal_access import PortalAccessWay
from customers.portal_auth import magic_links, sessions
from invoices.credit_notes import RequestedCredit, issue_credit_note
from invoices.models import PayerAccount, PaymentAttempt, PaymentMethod, ProviderEvent, Refund
from invoices.one_off_invoices import OneOffLine, OneOffRequest, draft_invoice, issue_draft
from invoices.payments import attempts
from invoices.payments.manual_payments import record_payment
from invoices.payments.providers import ProviderResponse
from invoices.payments.refunds import refund as refunding
from invoices.tax import vat_id_check
from tests.billing.metering.ingest.ingest_setup import NOW

WORK = OneOffLine("Work", Decimal(100), date(2026, 1, 15), date(2026, 1, 15))
ANSWER = {"id": "evt_1", "data": {"object": {"customer": "cus_1", "billing_details": {"name": "Canary Holder"}}}}


def leave_traces(customer: Customer) -> None:
    """Leave a canary wherever the product stores input; afterwards everything is paid and settled."""
    customer.refresh_from_db()
    _sign_in(customer)
    _check(customer)
    _pay(customer)
    by = User.objects.create(username="clerk")
    content_type = ContentType.objects.get_for_model(Customer)
    LogEntry.objects.create(
        user=by, content_type=content_type, object_id=customer.pk, object_repr=str(customer), action_flag=CHANGE
    )
    _list(customer)


def _sign_in(customer: Customer) -> None:
    contact = customer.contacts.earliest("pk")
    sessions.begin(customer=customer, contact=contact, way=PortalAccessWay.MAIL, at=NOW)
    sessions.begin(customer=customer, contact=None, way=PortalAccessWay.STAFF, at=NOW)
    magic_links.request_link(email=contact.email, address="192.0.2.7", origin="https://canary.example", at=NOW)
    magic_links.create_link(customer=customer, way=PortalAccessWay.PRODUCT, at=NOW, contact=contact)


def answer(country: str, number: str) -> vat_id_check.TaxNumberCheckResult:
    """Report every tax number as valid."""
    return vat_id_check.TaxNumberCheckResult(True, "canary consultation")


def _check(customer: Customer) -> None:
    before, settings.TAX_NUMBER_CHECK = settings.TAX_NUMBER_CHECK, f"{__name__}.answer"
    vat_id_check.check_tax_number(customer=customer, at=NOW)
    settings.TAX_NUMBER_CHECK = before


def _pay(customer: Customer) -> None:
    account = PayerAccount.objects.create(customer=customer, provider="stripe", ref="cus_1", created_at=NOW)
    PaymentMethod.objects.create(
        account=account,
        ref="pm_1",
        label="Canary Card 4242",
        mandate="Canary Mandate 1",
        is_default=True,
        created_at=NOW,
    )
    draft = draft_invoice(customer=customer, request=OneOffRequest([WORK]), at=NOW)
    paid = issue_draft(invoice_id=draft.pk, at=NOW)
    declined = ProviderResponse("declined", "pi_1", "lost", "Ask Canary Holder for another card")
    for reply in (declined, ProviderResponse("succeeded", "pi_2")):
        charge = attempts.start_payment(invoice_id=paid.pk, at=NOW)
        with pgtrigger.ignore(
            "invoices.PaymentAttempt:payment_attempt_is_settled_once"
        ):  # as where a page was opened
            PaymentAttempt.objects.filter(pk=charge.pk).update(back_to="https://canary.example/paid")
        attempts.record_outcome(attempt_id=charge.pk, response=reply, at=NOW)
    issue_credit_note(
        invoice_id=paid.pk, lines=[RequestedCredit(1, Decimal(5))], reason="Sorry, Canary", to="refund", at=NOW
    )
    for refund in Refund.objects.filter(customer=customer):
        refunding.record_refund_outcome(
            refund_id=refund.pk, response=ProviderResponse("succeeded", "re_1", "", "To Canary Holder"), at=NOW
        )
    other = issue_draft(invoice_id=draft_invoice(customer=customer, request=OneOffRequest([WORK]), at=NOW).pk, at=NOW)
    record_payment(invoice_id=other.pk, amount=other.due, method="manual", reference="Canary Bank 7", at=NOW)
    ProviderEvent.objects.create(
        provider="stripe",
        ref="evt_1",
        kind="charge.succeeded",
        content=ANSWER,
        received_at=NOW,
        done_at=NOW,
        outcome=f"cards of {account}",
    )


def _list(customer: Customer) -> None:
    """Select the customer by its id, for a migration and for a simulation that have ended."""
    subscription = Subscription.objects.get(customer=customer)
    PlanMigration.objects.create(
        title="All",
        version=subscription.version,
        selection={"ids": [customer.external_id, "another"]},
        created_at=NOW,
    )
    start.start(
        kind=JobKind.SIMULATION,
        title="Try",
        parameters={"cohort": {"ids": [subscription.external_id]}},
        dry_run=False,
        by=None,
        at=NOW,
    )
    Delivery.objects.filter(tried_at=None).update(next_at=NOW + timedelta(days=1))
