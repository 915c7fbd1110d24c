"""Payments of every kind: charged, refunded, kept as a balance, and chased by dunning."""

from datetime import date, timedelta
from decimal import Decimal

from django.contrib.auth.models import User

from access.approvals import Requester
from billing.models import DunnedSubscription
from customers.models import Customer
from invoices.credit_notes import RequestedCredit, issue_credit_note
from invoices.documents.past_due import mark_overdue
from invoices.models import (
    BankLine,
    DunningAct,
    DunningStep,
    Invoice,
    MerchantAccount,
    PayerAccount,
    PaymentMethod,
    ProviderEvent,
    Refund,
)
from invoices.one_off_invoices import OneOffLine, OneOffRequest, draft_invoice, issue_draft
from invoices.payments import attempts
from invoices.payments.attempts.settlement import reverse_payment
from invoices.payments.bank_statements.bookings import InvoiceShare, book_line, ignore_line, undo_booking
from invoices.payments.bank_statements.file_import import import_bank_file
from invoices.payments.bank_statements.match_run import match_lines
from invoices.payments.dunning.dunning_run import run_dunning
from invoices.payments.manual_payments import record_payment
from invoices.payments.merchant_accounts import set_merchant_account
from invoices.payments.providers import ProviderResponse
from invoices.payments.refunds import refund as refunding
from tests.builders import APR, make_customer
from tests.invoices.bank_statements.bank_rows import Transfer, camt

DAY = timedelta(days=1)
SERVICE = date(2026, 1, 15)


def collect() -> None:
    """Charge a customer, and refund parts of the payment in every way."""
    customer = make_customer("payer", country="DE", dunning_hold_until=date(2026, 1, 2))
    earlier = set_merchant_account(
        seller=customer.seller, secret_key="sk_test_1", webhook_secret="whsec_1", ref="acct_1", at=APR
    )
    MerchantAccount.objects.filter(pk=earlier.pk).update(closed_at=APR)
    account = PayerAccount.objects.create(customer=customer, provider="stripe", ref="cus_1", created_at=APR)
    for ref, is_default in (("pm_0", False), ("pm_1", True)):
        facts = {"label": "Visa 4242", "expires_on": date(2031, 4, 1), "is_default": is_default}
        PaymentMethod.objects.create(account=account, ref=ref, created_at=APR, **facts)
    PaymentMethod.objects.filter(ref="pm_0").update(removed_at=APR + DAY)
    paid = _issue_one_off(customer)
    _charge(paid, ProviderResponse("declined", "pi_1", "insufficient_funds", "Your card was declined."))
    _charge(paid, ProviderResponse("succeeded", "pi_2"))
    _refund(paid, Decimal(10), ProviderResponse("succeeded", "re_1"))
    _refund(paid, Decimal(5), ProviderResponse("declined", "re_2", "closed", "The account is closed"))
    issue_credit_note(
        invoice_id=paid.pk, lines=[RequestedCredit(1, Decimal(20))], reason="Sorry", to="balance", at=APR + DAY
    )
    by_hand = _issue_one_off(customer)  # part of it is paid from the balance
    first = _pay(by_hand, "30", "bank-1")
    reverse_payment(payment_id=first.pk, reason="The debit was returned", at=APR + 2 * DAY)
    _pay(by_hand, "500", "bank-2", keeps_surplus=True)
    _refund(by_hand, Decimal(1), None)
    refunding.pay_out_balance(customer_id=customer.pk, currency="USD", amount=Decimal(7), at=APR + 2 * DAY)
    for refund in Refund.objects.filter(provider="manual"):
        refunding.record_manual_refund(refund_id=refund.pk, reference="bank-9", at=APR + 3 * DAY, by=None)
    event = {"provider": "stripe", "ref": "evt_1", "kind": "payment_intent.succeeded", "content": {"id": "evt_1"}}
    ProviderEvent.objects.create(**event, received_at=APR, tries=1, done_at=APR, outcome="charge 1")
    _import_bank_file(make_customer("transfers", country="DE"))
    _run_dunning()


def _import_bank_file(customer: Customer) -> None:
    """Book lines of a bank statement in every way: matched, overpaid, by hand, undone and ignored."""
    invoices = [_issue_one_off(customer) for _ in range(3)]
    due = f"{invoices[0].due:.2f}"
    by = Requester(user=User.objects.create(username="banker", is_staff=True))
    transfers = [
        Transfer(due, f"{invoices[0]}", "", "DE1", reference="A", currency="USD", day=APR.date()),
        Transfer(due, f"{invoices[0]} again", "", "DE1", reference="B", currency="USD", day=APR.date()),
        Transfer("5.00", "interest", "Bank", "", reference="C", currency="USD", day=APR.date()),
        Transfer("-9.00", "fee", "Bank", "", reference="D", currency="USD", day=APR.date()),
        Transfer(
            "520.00", f"{invoices[1]}", customer.legal_name, "DE2", reference="E", currency="USD", day=APR.date()
        ),
        Transfer("7.00", "unknown", "Someone", "DE3", reference="F", currency="USD", day=APR.date()),
        Transfer("40.00", "unknown", "Someone", "DE4", reference="G", currency="USD", day=APR.date()),
    ]
    at = APR + 3 * DAY
    content = camt(transfers, account="DE02120300000000202051")
    import_bank_file(seller=customer.seller, content=content, file_name="april.xml", by=by, at=at)
    match_lines(at=at)
    lines = {line.bank_reference: line for line in BankLine.objects.all()}
    assert lines["A"].state == lines["E"].state == "booked", (lines["A"].reason, lines["E"].reason)
    share = [InvoiceShare(invoices[0].pk, Decimal(due))]
    book_line(line_id=lines["B"].pk, shares=share, reason="Paid twice", at=at, by=by.user)
    ignore_line(line_id=lines["C"].pk, reason="Interest", at=at, by=by.user)
    part = [InvoiceShare(invoices[2].pk, Decimal(40))]
    book_line(line_id=lines["G"].pk, shares=part, reason="By hand", at=at, by=by.user)
    undo_booking(line_id=lines["G"].pk, reason="Wrong invoice", at=at, by=by.user)


def _issue_one_off(customer: Customer) -> Invoice:
    request = OneOffRequest([OneOffLine("Work", Decimal("100.00"), SERVICE, SERVICE)])
    draft = draft_invoice(customer=customer, request=request, at=APR)
    return issue_draft(invoice_id=draft.pk, at=APR)


def _charge(invoice: Invoice, answer: ProviderResponse) -> None:
    charge = attempts.start_payment(invoice_id=invoice.pk, at=APR + DAY)
    attempts.record_outcome(attempt_id=charge.pk, response=answer, at=APR + DAY)


def _refund(invoice: Invoice, amount: Decimal, answer: ProviderResponse | None) -> None:
    issue_credit_note(
        invoice_id=invoice.pk, lines=[RequestedCredit(1, amount)], reason="Sorry", to="refund", at=APR + DAY
    )
    if answer is not None:
        refund = Refund.objects.latest("pk")
        refunding.record_refund_outcome(refund_id=refund.pk, response=answer, at=APR + 2 * DAY)


def _pay(invoice: Invoice, amount: str, reference: str, **extra_fields: bool):  # type: ignore[no-untyped-def]
    facts = {"method": "manual", "reference": reference, "at": APR + 2 * DAY, **extra_fields}
    return record_payment(invoice_id=invoice.pk, amount=Decimal(amount), **facts)


def _run_dunning() -> None:
    """Remind a customer who has not paid and who has no running subscription."""
    late = _issue_one_off(make_customer("late", country="DE"))
    DunningStep.objects.create(seller=late.seller, days=3, action="remind")
    mark_overdue(at=APR + 60 * DAY)
    run_dunning(at=APR + 60 * DAY)
    act = DunningAct.objects.create(invoice=late, days=9, action="pause", at=APR + 60 * DAY)
    DunnedSubscription.objects.create(act=act, outcome="Nothing runs", at=APR + 60 * DAY)
