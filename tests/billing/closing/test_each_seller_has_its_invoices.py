"""A customer of two sellers gets invoices, balances and prepaid usage of each seller apart."""

from datetime import timedelta
from decimal import Decimal as D

import pytest
from django.db import IntegrityError, transaction

from billing.closing import close_due
from billing.closing.preview import preview
from billing.models import Subscription
from billing.subscriptions.lifecycle import drafts
from customers.models import Notification
from invoices.credit_notes import issue_credit_note
from invoices.models import CustomerBalance, Invoice
from invoices.one_off_invoices import OneOffLine, OneOffRequest, draft_invoice, edit_draft, issue_draft
from invoices.one_off_invoices.one_off_invoice import request_from_draft
from invoices.payments.manual_payments import record_payment
from invoices.payments.refunds.refund import RefundRefused, pay_out_balance
from lib.currencies import CREDITS
from tests.billing.metering.ingest.ingest_setup import send
from tests.builders import (
    FEB,
    JAN,
    MAR,
    fee,
    included,
    make_customer,
    make_feature,
    make_meter,
    make_pack,
    make_plan,
    make_seller,
    make_tax,
    make_wallet,
    offer,
    publish,
    rate,
    subscribe,
)
from wallets.ledger.adjustments import transfer
from wallets.ledger.errors import LedgerRefused
from wallets.ledger.grant import Grant, grant
from wallets.models import Wallet
from wallets.operations.invoice_payment import pay_invoices
from wallets.purchases import PackOrder, buy

pytestmark = pytest.mark.django_db
AT = FEB + timedelta(hours=1)


@pytest.fixture
def sellers():
    """Return a seller in the US, and one in Germany with its own grace period and tax."""
    ours = make_seller("ours", legal_name="Ours Inc.")
    theirs = make_seller("theirs", legal_name="Theirs GmbH", country="DE", grace=timedelta(minutes=5), net_days=30)
    make_tax(10, seller=ours, country="US")
    make_tax(19, seller=theirs, country="US")
    return ours, theirs


@pytest.fixture
def customer(sellers):
    return make_customer("acme", seller=sellers[0])


def monthly(code, amount="100", **fields):
    return publish(make_plan(code, fees=[fee(amount, billed="arrears")], **fields))


def close(at=AT):
    close_due(at=at)
    return list(Invoice.objects.order_by("seller__code", "pk"))


@pytest.mark.parametrize("is_consolidated", [False, True])
def test_invoices_are_split_by_seller(customer, sellers, is_consolidated):
    customer.one_document = is_consolidated
    customer.save()
    # Due at the same moment, so that only the seller tells the periods apart.
    sellers[0].grace = sellers[1].grace
    sellers[0].save()
    customer.contacts.create(email="books@acme.example")  # who hears of invoices
    for number, seller in enumerate([sellers[0], sellers[1], sellers[1]]):
        subscribe(customer, monthly(f"plan-{number}"), seller=seller)

    invoices = close()

    found = [(invoice.seller.code, invoice.net.amount, invoice.tax.amount) for invoice in invoices]
    if is_consolidated:
        assert found == [("ours", D(100), D(10)), ("theirs", D(200), D(38))]
    else:
        assert found == [("ours", D(100), D(10)), ("theirs", D(100), D(19)), ("theirs", D(100), D(19))]
    assert {invoice.seller_facts["legal_name"] for invoice in invoices} == {"Ours Inc.", "Theirs GmbH"}
    senders = Notification.objects.filter(kind="invoice.issued").values_list("facts__invoice", "seller__code")
    assert dict(senders) == {invoice.pk: invoice.seller.code for invoice in invoices}


def test_the_preview_is_the_invoice_of_the_same_seller(customer, sellers):
    subscription = subscribe(customer, monthly("basic"), seller=sellers[1])
    period = subscription.periods.get(starts_at=JAN)

    draft = preview(at=AT, period=period)
    (invoice,) = close()

    assert (draft.seller_id, draft.totals.total) == (invoice.seller_id, invoice.total.amount) == (sellers[1].pk, 119)


def test_the_grace_period_is_that_of_the_subscription_s_seller(customer, sellers):
    subscription = subscribe(customer, monthly("basic"), seller=sellers[1])
    assert subscription.periods.get(starts_at=JAN).due_at == FEB + timedelta(minutes=5)


def test_a_subscription_with_periods_keeps_its_seller(customer, sellers):
    subscription = subscribe(customer, monthly("basic"))
    assert subscription.seller == sellers[0]
    with pytest.raises(IntegrityError, match="subscription_with_periods_keeps_its_seller"), transaction.atomic():
        Subscription.objects.filter(pk=subscription.pk).update(seller=sellers[1])


def test_a_draft_may_still_change_its_seller(customer, sellers):
    draft = drafts.draft(customer=customer, version=monthly("basic"), starts_at=JAN, at=JAN, seller=sellers[1])
    Subscription.objects.filter(pk=draft.pk).update(seller=sellers[0])
    activated = drafts.activate(subscription=draft, at=JAN)
    assert (activated.seller, activated.periods.exists()) == (sellers[0], True)


def test_a_wallet_in_use_keeps_its_seller(customer, sellers):
    wallet = make_wallet(customer)
    assert wallet.seller == sellers[0]
    Wallet.objects.filter(pk=wallet.pk).update(seller=sellers[1])
    grant(wallet_id=wallet.pk, grants=[Grant("promotional", D(5), "gift")], at=JAN)
    with pytest.raises(IntegrityError, match="wallet_in_use_keeps_its_seller"), transaction.atomic():
        Wallet.objects.filter(pk=wallet.pk).update(seller=sellers[0])


def test_a_purchase_is_invoiced_by_the_wallet_s_seller(customer, sellers):
    make_pack("small", units=10, prices={"USD": 10})
    wallet = make_wallet(customer, seller=sellers[1])
    purchase = buy(wallet_id=wallet.pk, order=PackOrder("small", reference="p"), at=JAN)
    assert (purchase.invoice.seller, purchase.invoice.tax.amount) == (sellers[1], D("1.90"))
    with pytest.raises(IntegrityError, match="wallet_in_use_keeps_its_seller"), transaction.atomic():
        Wallet.objects.filter(pk=wallet.pk).update(seller=sellers[0])


def prepaid_plan(code, event, **fields):
    feature = make_feature(code, meter=make_meter(code, event_name=event))
    return publish(
        make_plan(code, offers=[offer(feature, prices={CREDITS: [rate("1")]}, consumption="credits")], **fields)
    )


def run(id_, event):
    at = JAN + timedelta(hours=1)
    return send({"id": id_, "customer": "acme", "event": event, "timestamp": at.isoformat()}, at=at)


def test_a_wallet_pays_usage_of_its_own_seller_only(customer, sellers):
    subscribe(customer, prepaid_plan("ours", "our.run"))
    subscribe(customer, prepaid_plan("theirs", "their.run"), seller=sellers[1])
    # The other seller's wallet would be taken first.
    wallets = {seller: make_wallet(customer, name=seller.code, seller=seller) for seller in reversed(sellers)}
    for wallet in wallets.values():
        grant(wallet_id=wallet.pk, grants=[Grant("promotional", D(5), "gift")], at=JAN)

    run("1", "our.run")
    run("2", "our.run")
    run("3", "their.run")

    for wallet in wallets.values():
        wallet.refresh_from_db()
    assert [wallets[seller].balance for seller in sellers] == [D(3), D(4)]


def test_included_credits_go_to_a_wallet_of_the_subscription_s_seller(customer, sellers):
    make_wallet(customer, name="Ours")
    subscribe(customer, publish(make_plan("basic", fees=[fee(10)], credits=[included(50)])), seller=sellers[1])
    balances = Wallet.objects.order_by("pk").values_list("seller__code", "balance")
    assert list(balances) == [("ours", D(0)), ("theirs", D(50))]


def test_nothing_is_transferred_between_sellers(customer, sellers):
    source, target = (make_wallet(customer, name=seller.code, seller=seller) for seller in sellers)
    grant(wallet_id=source.pk, grants=[Grant("promotional", D(5), "gift")], at=JAN)
    with pytest.raises(LedgerRefused, match="different sellers"):
        transfer(from_id=source.pk, to_id=target.pk, amount=D(1), reference="t", reason="Move", at=JAN)


def test_money_of_a_wallet_pays_invoices_of_its_seller_only(customer, sellers):
    wallet = make_wallet(customer, unit="USD", pays_invoices=True, seller=sellers[1])
    grant(wallet_id=wallet.pk, grants=[Grant("purchased", D(500), "pack", cost=D(500))], at=JAN)
    for seller in sellers:
        subscribe(customer, monthly(seller.code), seller=seller)
    close()

    assert pay_invoices(at=AT) == 1

    assert [invoice.paid for invoice in Invoice.objects.order_by("seller__code")] == [D(0), D(119)]


def test_a_balance_is_of_one_seller(customer, sellers):
    for seller in sellers:
        subscribe(customer, monthly(seller.code), seller=seller)
    theirs = close()[1]
    bank = {"method": "manual", "reference": "bank", "keeps_surplus": True}
    record_payment(invoice_id=theirs.pk, amount=D(319), **bank, at=AT)
    issue_credit_note(invoice_id=theirs.pk, lines=None, reason="Sorry", to="balance", at=AT)
    assert list(CustomerBalance.objects.values_list("seller__code", "amount")) == [("theirs", D(319))]

    with pytest.raises(RefundRefused, match="up to the customer balance"):
        pay_out_balance(customer_id=customer.pk, currency="USD", amount=D(1), at=AT)
    refund = pay_out_balance(customer_id=customer.pk, currency="USD", amount=D(19), seller=sellers[1], at=AT)
    assert refund.seller == sellers[1]

    close(MAR + timedelta(hours=1))
    february = Invoice.objects.filter(kind="invoice", period_start=FEB).order_by("seller__code")
    assert [(invoice.seller.code, invoice.paid) for invoice in february] == [("ours", D(0)), ("theirs", D(119))]
    assert CustomerBalance.objects.get().amount == D(181)


def test_a_one_off_invoice_may_name_a_seller(customer, sellers):
    line = OneOffLine("Workshop", D(100), first_day=JAN.date(), last_day=JAN.date())
    draft = draft_invoice(customer=customer, request=OneOffRequest([line], seller=sellers[1]), at=JAN)
    assert request_from_draft(draft).seller == sellers[1]
    edited = edit_draft(invoice_id=draft.pk, request=request_from_draft(draft), at=JAN)
    invoice = issue_draft(invoice_id=edited.pk, at=JAN)
    assert (invoice.seller, invoice.total.amount) == (sellers[1], D(119))
