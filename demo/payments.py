"""Payments of the demo's invoices, dunning steps for the others, and access to the portal."""

from datetime import datetime

from django.db import transaction
from django.urls import reverse

from customers.models import Contact, Customer, Seller
from customers.models.contacts import ContactRole
from customers.models.portal_access import PortalAccessWay
from customers.portal_auth import magic_links
from demo.history import exclude_past
from invoices.models import DocumentKind, DunningStep, Invoice
from invoices.models.invoices import InvoiceState
from invoices.payments.manual_payments import record_payment

STEPS = ((3, "remind"), (14, "remind"), (30, "pause"))
"""Days after the due date → dunning action."""

UNPAID = 4
"""One in this many invoices stays unpaid."""

LOOKS = "moss-studio"
"""The customer whose portal the demo offers to view."""


def add(*, at: datetime) -> int:
    """Record the payments of the trace's invoices by `at`, and create dunning steps; return their number."""
    with transaction.atomic():
        for seller in Seller.objects.filter(dunning_steps__isnull=True):
            for days, action in STEPS:
                DunningStep.objects.create(seller=seller, days=days, action=action)
    unpaid = Invoice.objects.filter(
        kind=DocumentKind.INVOICE,
        state__in=[InvoiceState.ISSUED, InvoiceState.OVERDUE],
        total__gt=0,
        sandbox=False,
    )
    paid = [
        invoice_row for invoice_row in exclude_past(unpaid).order_by("pk") if (invoice_row.sequence or 0) % UNPAID
    ]
    for invoice in paid:
        reference = f"transfer {invoice.number}"
        record_payment(invoice_id=invoice.pk, amount=invoice.due, method="manual", reference=reference, at=at)
    return len(paid)


def create_portal_path(*, at: datetime) -> str:
    """Return the path of a portal link for a contact of a prepaid customer, which works once."""
    customer = Customer.objects.get(external_id=LOOKS, sandbox=False)
    contact, _ = Contact.objects.get_or_create(
        customer=customer, email=f"accounts@{LOOKS}.example", defaults={"name": "Accounts", "role": ContactRole.ADMIN}
    )
    _, secret = magic_links.create_link(customer=customer, contact=contact, way=PortalAccessWay.PRODUCT, at=at)
    return reverse("portal_enter", args=[secret])
