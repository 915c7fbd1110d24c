"""
A customer saves a card, replaces it and pays; staff refund the payment; the receipt and reconciliation show it. The
cards, the payment and the refund are at localstripe, a Stripe that others wrote.
"""

import os
from datetime import date
from decimal import Decimal
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect
from pypdf import PdfReader

from customers.models import Contact
from customers.models.portal_access import PortalAccessWay
from customers.portal_auth import magic_links
from invoices.models import PaymentMethod, Refund
from invoices.one_off_invoices import OneOffLine, OneOffRequest, draft_invoice, issue_draft
from invoices.payments.provider_webhooks.event_followup import process_events
from invoices.payments.refunds.refund import submit_due_refunds
from tests.builders import make_customer, make_seller, make_tax
from tests.stripe.localstripe import FAILING_CARD, IBAN

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
PHONE = {"width": 390, "height": 844}
SHOTS = os.environ.get("TOLLBOOK_SHOTS", "")
"""A folder for pictures of the pages, to look at; without it, none are taken."""


def take_picture(page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)


def deliver(server, live_server, *, count: int) -> None:
    """Deliver the next events to the product, as they were signed, and process them as a worker does."""
    for _ in range(count):
        body, signed = server.books.events.get(timeout=60)
        connection = HTTPConnection(urlsplit(live_server.url).netloc, timeout=60)
        headers = {"Content-Type": "application/json", "Stripe-Signature": signed}
        connection.request("POST", "/pay/stripe/events", body, headers)
        assert connection.getresponse().status == 200
        connection.close()
    process_events(at=timezone.now())


def fill_in_card(page, number: str) -> None:
    page.get_by_label("Card number").fill(number)
    page.get_by_role("button", name="by card").click()


@pytest.fixture
def invoice():
    seller = make_seller("acme", legal_name="Acme GmbH", currency="EUR")
    make_tax(19, seller=seller)
    customer = make_customer("walnut", seller=seller, legal_name="Walnut Ltd", currency="EUR")
    Contact.objects.create(customer=customer, name="Bea", email="bea@walnut.example", role="billing")
    work = OneOffRequest([OneOffLine("Work", Decimal(100), date(2026, 1, 5), date(2026, 1, 5))])
    draft = draft_invoice(customer=customer, request=work, at=timezone.now())
    return issue_draft(invoice_id=draft.pk, at=timezone.now())


@pytest.fixture
def portal(visit, invoice):
    """Return a page of the customer's billing contact."""
    customer = invoice.customer
    _, secret = magic_links.create_link(
        customer=customer, contact=customer.contacts.get(), way=PortalAccessWay.PRODUCT, at=timezone.now()
    )
    page = visit(expected="422")  # a refused form is an error in the console
    page.goto(reverse("portal_enter", args=[secret]))
    page.get_by_role("button", name="Continue to Walnut Ltd").click()
    return page


def test_a_card_is_saved_replaced_charged_and_refunded(
    localstripe_server, live_server, signed_in, portal, invoice, tmp_path
):
    # The customer saves a card, of which every charge is declined.
    portal.get_by_role("link", name="Payment methods").click()
    take_picture(portal, "methods-none")
    portal.get_by_role("button", name="Add a payment method").click()
    fill_in_card(portal, FAILING_CARD)
    expect(portal.locator("main")).to_contain_text("Visa 0341")
    expect(portal.locator("main")).to_contain_text("expires 04/2031")
    deliver(localstripe_server, live_server, count=1)
    portal.goto(reverse("portal_pay", args=[invoice.pk]))
    portal.get_by_role("button", name="Pay €119.00 with Visa 0341").click()
    expect(portal.locator("main")).to_contain_text("Visa 0341 was declined")
    take_picture(portal, "declined")
    deliver(localstripe_server, live_server, count=1)

    # Replaces it, and saves a bank account besides.
    portal.get_by_role("link", name="Payment methods").click()
    portal.get_by_role("button", name="Replace Visa 0341").click()
    fill_in_card(portal, "4242424242424242")
    expect(portal.locator("main")).to_contain_text("Visa 4242")
    expect(portal.locator("main")).not_to_contain_text("Visa 0341")
    deliver(localstripe_server, live_server, count=1)
    portal.get_by_role("button", name="Add a payment method").click()
    portal.get_by_label("IBAN").fill(IBAN)
    portal.get_by_role("button", name="by SEPA debit").click()
    expect(portal.locator("main")).to_contain_text("SEPA DE 37040044 3000")
    expect(portal.locator("main")).to_contain_text("mandate NXDSYREGC9PSMKWY")
    take_picture(portal, "methods")
    portal.set_viewport_size(PHONE)
    take_picture(portal, "methods-phone")
    portal.set_viewport_size({"width": 1400, "height": 900})
    deliver(localstripe_server, live_server, count=1)
    assert list(PaymentMethod.objects.filter(removed_at=None, is_default=True).values_list("label", flat=True)) == [
        "Visa 4242"
    ]

    # Pays with it.
    portal.goto(reverse("portal_pay", args=[invoice.pk]))
    take_picture(portal, "pay")
    portal.get_by_role("button", name="Pay €119.00 with Visa 4242").click()
    expect(portal.locator("main")).to_contain_text("Nothing is due")
    deliver(localstripe_server, live_server, count=1)

    # Staff credit the invoice and refund it.
    staff = signed_in("finance")
    staff.goto(f"/admin/invoices/invoice/{invoice.pk}/credit/")
    staff.locator("#id_to").select_option("refund")
    staff.fill("#id__reason", "Agreed with the customer")
    staff.get_by_role("button", name="Preview").click()
    staff.get_by_role("button", name="Issue credit note").click()
    expect(staff.locator("body")).to_contain_text("credits €119.00")
    submit_due_refunds(at=timezone.now())  # as a worker does, seconds later
    assert Refund.objects.get().state == "succeeded"
    [refund] = localstripe_server.books.of("refund")
    assert refund["amount"] == 11900

    # The receipt shows the payment and its refund.
    portal.goto(reverse("portal_invoice", args=[invoice.pk]))
    take_picture(portal, "invoice")
    portal.get_by_role("link", name="Receipt", exact=True).click()
    for part in (f"Receipt {invoice.number}-R1", "Visa 4242", "€119.00", "-€119.00", "Paid after refunds", "€0.00"):
        expect(portal.locator("main")).to_contain_text(part)
    take_picture(portal, "receipt")
    portal.set_viewport_size(PHONE)
    take_picture(portal, "receipt-phone")
    with portal.expect_download() as download:
        portal.get_by_role("link", name="PDF", exact=True).click()
    download.value.save_as(tmp_path / "receipt.pdf")
    if SHOTS:
        download.value.save_as(Path(SHOTS) / "receipt.pdf")
    printed = " ".join(page.extract_text() for page in PdfReader(tmp_path / "receipt.pdf").pages)
    assert f"{invoice.number}-R1" in printed
    assert "€119.00 received on" in printed

    # And so does reconciliation, without a difference.
    staff.goto(f"/admin/invoices/invoice/{invoice.pk}/change/")
    take_picture(staff, "staff-invoice")
    staff.goto("/admin/invoices/paymentattempt/")
    staff.get_by_role("link", name="Reconciliation", exact=True).click()
    expect(staff.locator("body")).to_contain_text("No differences")
    expect(staff.locator("body")).to_contain_text("€119.00")
    take_picture(staff, "reconciliation")
    staff.set_viewport_size(PHONE)
    take_picture(staff, "reconciliation-phone")

    # A payment at Stripe that no invoice asked for is a difference.
    account = invoice.customer.payer_accounts.get()
    card = localstripe_server.books.card(account.ref)
    localstripe_server.books.charge(
        {"amount": "700", "currency": "eur", "customer": account.ref, "payment_method": card["id"]}
    )
    deliver(localstripe_server, live_server, count=1)
    staff.set_viewport_size({"width": 1400, "height": 900})
    staff.reload()
    expect(staff.locator("body")).to_contain_text("Collected, but requested by no invoice")
    take_picture(staff, "reconciliation-difference")

    # The customer removes the bank account.
    portal.set_viewport_size({"width": 1400, "height": 900})
    portal.goto(reverse("portal_payment_methods"))
    portal.get_by_role("button", name="Remove SEPA DE 37040044 3000").click()
    expect(portal.locator("main")).to_contain_text("The payment method is removed.")
    portal.get_by_role("button", name="Turn off automatic payment").click()
    expect(portal.locator("main")).to_contain_text("Invoices are no longer charged automatically")
