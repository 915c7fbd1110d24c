"""Export and erase a customer's personal data, from the customer's page."""

import tempfile

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from billing.privacy import ErasureRefused, erase, export, find_erasure_blockers
from customers.models import Customer

CONSEQUENCES = (
    "Name, address, tax number, mail address, contacts, mails and their history are gone for good.",
    "Events keep what they are counted by, and lose everything else.",
    "Invoices, credit notes, payments and the ledger stay as they are: the law asks for them.",
    "The customer and its subscriptions go on under names that tell nothing; your own id finds them no more.",
)


def export_file(customer: Customer) -> FileResponse:
    """Return the export as a file; large ones are spooled to disk and deleted after the response."""
    file = tempfile.SpooledTemporaryFile(max_size=8 * 1024 * 1024)  # noqa: SIM115, the response closes it
    export(customer, file)
    file.seek(0)
    return FileResponse(file, as_attachment=True, filename=f"customer-{customer.pk}.zip")


def erasure_view(page: ModelAdmin, request: HttpRequest, customer: Customer) -> HttpResponse:
    """Show the consequences of the erasure, and erase once confirmed."""
    back = HttpResponseRedirect(reverse("admin:customers_customer_change", args=[customer.pk]))
    if request.method == "POST":
        try:
            erased = erase(customer_id=customer.pk, at=timezone.now(), by=request.user)
        except ErasureRefused as refusal:
            for reason in refusal.reasons:
                messages.error(request, reason)
            return back
        messages.success(request, f"It is erased, and goes on as {erased.name}.")
        return back
    return page.admin_site.confirmation(
        request,
        page=page,
        obj=customer,
        title=f"Erase {customer}",
        consequences=CONSEQUENCES,
        problems=find_erasure_blockers(customer),
        problems_title="It cannot be erased yet",
        verb="Erase personal data",
        danger=True,
    )
