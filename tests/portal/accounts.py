"""Customers with rows on every portal page, each identified by a word that occurs in all its rows."""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.test import Client

from billing.closing import close_due
from billing.limits.alerts.rule_settings import AlertScope, set_alert_rule
from billing.limits.spend_caps import set_cap
from billing.metering.ingest.event_recorder import record_events
from billing.metering.ingest.parser import parse_events
from billing.models import Alert, Subscription
from customers.models import Contact, Customer
from customers.models.portal_access import PortalAccessWay
from customers.portal.visit import COOKIE
from customers.portal_auth import sessions
from invoices.models import Invoice, Line, PayerAccount, Payment, PaymentMethod
from invoices.one_off_invoices import OneOffLine, OneOffRequest, draft_invoice, issue_draft
from invoices.payments.manual_payments import record_payment
from plans.models import Meter, Plan
from tests.builders import (
    FEB,
    JAN,
    fee,
    make_customer,
    make_pack,
    make_plan,
    make_wallet,
    offer,
    publish,
    rate,
    subscribe,
)
from wallets.ledger.grant import Grant, grant
from wallets.models import Wallet
from wallets.purchases import PackOrder, buy

TODAY = datetime(2026, 2, 10, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Account:
    """A customer, its rows that have a page, and a contact."""

    word: str
    customer: Customer
    contact: Contact
    colleague: Contact
    subscription: Subscription
    invoice: Invoice
    line: Line
    wallet: Wallet
    budget: int
    cap: int
    pack: str
    payment: Payment
    payment_method: PaymentMethod

    def client(self, *, contact: Contact | None = None, looks: bool = False, **options: Any) -> Client:
        """Return a client with a portal session: of the billing contact by default, or a read-only one."""
        client = Client(**options)
        session_contact = None if looks else contact or self.contact
        way = PortalAccessWay.STAFF if looks else PortalAccessWay.MAIL
        client.cookies[COOKIE] = sessions.begin(customer=self.customer, contact=session_contact, way=way, at=TODAY)
        return client


def make_account(word: str, **fields: Any) -> Account:
    """Return an account that started in January, as of TODAY: with an invoice for January and usage since then."""
    customer = make_customer(word, legal_name=f"{word.title()} Ltd", email=f"ap@{word}.example", **fields)
    contact = Contact.objects.create(customer=customer, name="Bea", email=f"bea@{word}.example", role="admin")
    colleague = Contact.objects.create(customer=customer, name="Cid", email=f"cid@{word}.example", billing=False)
    subscription = subscribe(customer, _plan(word), external_id=f"{word}-main")
    send(customer, [(JAN + DAY * day, 40 + day, "m1" if day % 3 else "m2") for day in range(31)], word)
    send(customer, [(FEB + DAY * day, 60 + day, "m1" if day % 2 else "m2") for day in range(9)], word)
    close_due(at=FEB + DAY)
    invoice = Invoice.objects.filter(customer=customer, lines__kind="usage").distinct().latest("pk")
    wallet = _wallet(customer, word)
    rule = set_alert_rule(
        kind="spend", scope=AlertScope(customer=customer), amount=Decimal(90), set_by="customer", at=FEB
    )
    _alert(customer, rule)
    cap = set_cap(customer=customer, amount=Decimal(800), set_by="customer", at=FEB)
    return Account(
        word=word,
        customer=customer,
        contact=contact,
        colleague=colleague,
        subscription=subscription,
        invoice=invoice,
        line=invoice.lines.get(kind="usage", description__startswith="m1"),
        wallet=wallet,
        budget=rule.pk,
        cap=cap.pk,
        pack=f"pack-{word[0]}",
        payment=_payment(customer),
        payment_method=_payment_method(customer),
    )


def _payment(customer: Customer) -> Payment:
    """Return the payment of a paid invoice, which has a receipt."""
    work = OneOffRequest([OneOffLine("Work", Decimal(10), date(2026, 1, 5), date(2026, 1, 5))])
    paid = issue_draft(invoice_id=draft_invoice(customer=customer, request=work, at=FEB).pk, at=FEB)
    return record_payment(
        invoice_id=paid.pk, amount=paid.due, method="manual", reference=f"bank-{customer.pk}", at=FEB
    )


def _payment_method(customer: Customer) -> PaymentMethod:
    account = PayerAccount.objects.create(
        customer=customer, seller=customer.seller, provider="stripe", ref=f"cus_{customer.pk}", created_at=FEB
    )
    return PaymentMethod.objects.create(
        account=account, ref=f"pm_{customer.pk}", label="Visa 4242", kind="card", created_at=FEB
    )


def _plan(word: str) -> Any:
    """
    Return a plan that customers may leave, and create another that they may change to. The catalog is shared, so
    neither name contains the word.
    """
    Meter.objects.create(
        code=f"{word}.calls",
        name=f"{word} calls",
        event_name=f"{word}.call",
        unit="call",
        aggregation="sum",
        value_property="n",
        dimensions=["model"],
    )
    rates = [rate("0.05", match={"model": "m1"}, label="m1"), rate("0.08", label="other")]
    offers = [offer(f"{word}.calls", included=500, rates=rates)]
    version = publish(make_plan(f"plan-{word[0]}", fees=[fee("19.99")], offers=offers))
    publish(make_plan(f"bigger-{word[0]}", fees=[fee("49")], offers=offers))
    Plan.objects.update(self_service=True)
    return version


def send(customer: Customer, usage: list[tuple[datetime, int, str]], word: str) -> None:
    """Record usage as the API does: (time, quantity, model)."""
    sent = [
        {
            "id": f"{word}-{at:%m%d%H}",
            "customer": customer.external_id,
            "event": f"{word}.call",
            "timestamp": at.isoformat(),
            "properties": {"n": n, "model": model},
        }
        for at, n, model in usage
    ]
    last = usage[-1][0] + timedelta(hours=1)
    body = json.dumps(sent).encode()
    events, refused, _ = parse_events(body, sandbox=customer.sandbox, at=last, oldest=JAN - DAY, newest=last)
    assert not refused, refused
    assert set(record_events(events=events, sandbox=customer.sandbox, at=last)) == {"accepted"}


def _wallet(customer: Customer, word: str) -> Wallet:
    wallet = make_wallet(customer, name=f"{word} credits")
    lots = [
        Grant("promotional", Decimal(30), "gift", expires_at=TODAY + 5 * DAY),
        Grant("included", Decimal(50), "plan"),
    ]
    grant(wallet_id=wallet.pk, grants=lots, at=FEB)
    make_pack(f"pack-{word[0]}", slabs=[(0, 10, 0)])
    buy(wallet_id=wallet.pk, order=PackOrder(f"pack-{word[0]}", "first"), at=FEB)
    return wallet


def _alert(customer: Customer, rule: Any) -> None:
    figures = {"threshold": 50, "value": 45, "limit": 90, "agreed_limit": 90, "unit": "USD"}
    Alert.objects.create(
        alert_rule=rule, customer=customer, since=FEB, ends_at=TODAY + 20 * DAY, fired_at=TODAY - DAY, **figures
    )
