"""What has come in for the demo's invoices, what is done about the rest, and who may look at them."""

from datetime import datetime

from django.db import transaction
from django.urls import reverse

from customers.models import Contact, Customer, Seller
from customers.models.portal_access import PortalAccessWay
from customers.portal_auth import magic_links
from invoices.models import DunningStep, Invoice
from invoices.models.invoices import DocumentKind, InvoiceState
from invoices.payments.manual_payments import record_payment

STEPS = ((3, "remind"), (14, "remind"), (30, "pause"))
"""Days after the due date → what is done."""

UNPAID = 4
"""Of so many invoices, one is not paid."""

LOOKS = "moss-studio"


def add(*, at: datetime) -> int:
    """Pay what customers have paid by `at`, and say when the others are reminded; return how many paid."""
    with transaction.atomic():
        for seller in Seller.objects.filter(dunning_steps__isnull=True):
            for days, action in STEPS:
                DunningStep.objects.create(seller=seller, days=days, action=action)
    issued = Invoice.objects.filter(kind=DocumentKind.INVOICE, state=InvoiceState.ISSUED, total__gt=0, sandbox=False)
    paid = [one for one in issued.order_by("pk") if (one.sequence or 0) % UNPAID]
    for invoice in paid:
        reference = f"transfer {invoice.number}"
        record_payment(invoice_id=invoice.pk, amount=invoice.due, method="manual", reference=reference, at=at)
    return len(paid)


def way_into_the_portal(*, at: datetime) -> str:
    """Return the path of a link that lets somebody of a prepaid customer into the portal: once, within the hour."""
    customer = Customer.objects.get(external_id=LOOKS, sandbox=False)
    contact, _ = Contact.objects.get_or_create(
        customer=customer, email=f"accounts@{LOOKS}.example", defaults={"name": "Accounts"}
    )
    _, secret = magic_links.create_link(customer=customer, contact=contact, way=PortalAccessWay.PRODUCT, at=at)
    return reverse("portal_enter", args=[secret])
