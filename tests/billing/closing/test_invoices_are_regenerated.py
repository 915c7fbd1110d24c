"""A period's invoice with wrong customer facts is voided, and a new invoice of the present facts replaces it."""

from datetime import timedelta
from decimal import Decimal

import pytest

from billing.closing import CannotRegenerate, close_due, preview_regeneration, regenerate
from billing.models import Period, Subscription
from invoices.credit_notes import RequestedCredit, issue_credit_note
from invoices.models import Invoice
from invoices.payments.manual_payments import record_payment
from tests.builders import (
    FEB,
    MAR,
    assert_invoices_clean,
    fee,
    make_coupon,
    make_customer,
    make_plan,
    make_seller,
    make_tax,
    offer,
    publish,
    rate,
    subscribe,
    use,
)

pytestmark = pytest.mark.django_db

D = Decimal
CLOSED = FEB + timedelta(hours=1)


@pytest.fixture
def subscription() -> Subscription:
    seller = make_seller("berlin", country="DE")
    make_tax("20", seller=seller, country="FR")
    fees = [fee("30", billed="arrears"), fee("20", label="Support")]
    version = publish(make_plan(fees=fees, offers=[offer("api.calls", rates=[rate("0.05")])]))
    subscription_ = subscribe(make_customer("acme", seller=seller, country="FR", city="Lion"), version)
    use(subscription_, "api.calls", 100)
    close_due(at=CLOSED)
    return subscription_


def january() -> Invoice:
    return Invoice.objects.get(periods__kind="regular")


def test_the_new_invoice_has_the_present_facts(subscription: Subscription):
    old, customer = january(), subscription.customer
    assert (old.net.amount, old.tax.amount) == (D("55"), D("11"))
    customer.city, customer.tax_number, customer.net_days = "Lyon", "FR40303265045", 30
    customer.save()
    use(subscription, "api.calls", 20)
    preview = preview_regeneration(invoice_id=old.pk, at=MAR)
    assert (Invoice.objects.count(), preview.total.amount) == (2, D("56"))
    new = regenerate(invoice_id=old.pk, reason="Moved, and has a VAT id", at=MAR)
    assert (new.net.amount, new.tax.amount, new.buyer_facts["city"]) == (D("56"), 0, "Lyon")
    assert (new.taxes.get().reason[:14], (new.due_date - new.issue_date).days) == ("Reverse charge", 30)
    assert (new.corrects, new.reason, new.reference) == (old, "Moved, and has a VAT id", f"{old.reference}:reissue:1")
    old.refresh_from_db()
    note = old.corrections.get(kind="credit_note")
    assert (old.state, note.total.amount, note.credit_to) == ("void", D("66"), "offset")
    assert note.buyer_facts["city"] == "Lion"
    period = Period.objects.get(invoice=new)
    assert (period.late_since, [line.kind for line in new.lines.order_by("position")]) == (
        None,
        ["fee", "fee", "usage"],
    )
    assert_invoices_clean()
    second = regenerate(invoice_id=new.pk, reason="Once more", at=MAR)
    assert second.reference == f"{old.reference}:reissue:2"
    close_due(at=MAR + timedelta(hours=1))
    assert_invoices_clean()


def test_an_invoice_of_fees_alone_is_regenerated(subscription: Subscription):
    opening = Invoice.objects.get(periods__kind="opening")
    new = regenerate(invoice_id=opening.pk, reason="Wrong address", at=MAR)
    assert [line.amount.amount for line in new.lines.all()] == [D("20")]
    assert_invoices_clean()


def paid(invoice: Invoice) -> None:
    record_payment(invoice_id=invoice.pk, amount=D(1), method="manual", reference="bank", at=FEB)


def credited(invoice: Invoice) -> None:
    issue_credit_note(invoice_id=invoice.pk, lines=[RequestedCredit(1, D(1))], reason="x", to="offset", at=FEB)


def voided(invoice: Invoice) -> None:
    regenerate(invoice_id=invoice.pk, reason="x", at=FEB)


@pytest.mark.parametrize(
    ("do", "message"), [(paid, "is paid"), (credited, "as a whole"), (voided, "not the current invoice of a period")]
)
def test_an_invoice_that_can_not_be_regenerated_is_rejected(subscription: Subscription, do, message):
    invoice = january()
    do(invoice)
    before = Invoice.objects.count()
    with pytest.raises(CannotRegenerate, match=message):
        regenerate(invoice_id=invoice.pk, reason="x", at=MAR)
    assert Invoice.objects.count() == before


def test_invoices_with_coupons_and_empty_reasons_are_rejected():
    version = publish(make_plan(fees=[fee("30", billed="arrears")]))
    subscribe(make_customer(), version, coupons=[make_coupon(percent=10)])
    close_due(at=CLOSED)
    with pytest.raises(CannotRegenerate, match="coupon"):
        regenerate(invoice_id=january().pk, reason="x", at=MAR)
    with pytest.raises(CannotRegenerate, match="Enter a reason"):
        regenerate(invoice_id=january().pk, reason=" ", at=MAR)
