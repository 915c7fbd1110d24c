"""Export and erase a customer's personal data, from the customer's page."""

import tempfile

from django.http import FileResponse
from django.utils import timezone

from billing.privacy import ErasureRefused, erase, export, find_erasure_blockers
from customers.models import Customer
from lib.admin import ConfirmedAction, Preview, Response

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


class ErasePersonalData(ConfirmedAction[Customer]):
    label = verb = "Erase personal data"
    icon = "person_off"
    permission = "customers.erase_customer"
    danger = True
    refusals = (ErasureRefused,)
    is_offered = staticmethod(lambda customer: customer.erased_at is None)

    def preview(self, customer: Customer) -> Preview:
        return Preview(
            title=f"Erase {customer}",
            consequences=CONSEQUENCES,
            problems=find_erasure_blockers(customer),
            problems_title="It cannot be erased yet",
        )

    def run(self, customer: Customer) -> Response:
        erased = erase(customer_id=customer.pk, at=timezone.now(), by=self.user)
        return self.done(f"It is erased, and goes on as {erased.name}.")
