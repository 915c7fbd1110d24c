"""Export and erase a customer's personal data, from the customer's page."""

import tempfile

from django.http import FileResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing.privacy import ErasureRefused, erase, export, find_erasure_blockers
from customers.models import Customer
from lib.admin import ConfirmedAction, Preview, Response

CONSEQUENCES = (
    _("Name, address, tax number, email address, contacts, emails, and their history are deleted permanently."),
    _("Events keep the values they are metered by; all other properties are deleted."),
    _("Invoices, credit notes, payments, and the ledger stay unchanged, as the law requires."),
    _("The customer and its subscriptions stay under anonymous names. Your external ID no longer finds them."),
)


def export_file(customer: Customer) -> FileResponse:
    """Return the export as a file; large ones are spooled to disk and deleted after the response."""
    file = tempfile.SpooledTemporaryFile(max_size=8 * 1024 * 1024)  # noqa: SIM115, the response closes it
    export(customer, file)
    file.seek(0)
    return FileResponse(file, as_attachment=True, filename=f"customer-{customer.pk}.zip")


class ErasePersonalData(ConfirmedAction[Customer]):
    label = verb = _("Erase personal data")
    icon = "person_off"
    permission = "customers.erase_customer"
    danger = True
    refusals = (ErasureRefused,)
    is_offered = staticmethod(lambda customer: customer.erased_at is None)

    def preview(self, customer: Customer) -> Preview:
        return Preview(
            title=gettext("Erase %(customer)s") % {"customer": customer},
            consequences=CONSEQUENCES,
            problems=find_erasure_blockers(customer),
            problems_title=gettext("The customer can't be erased yet:"),
        )

    def run(self, customer: Customer) -> Response:
        erased = erase(customer_id=customer.pk, at=timezone.now(), by=self.user)
        return self.done(
            gettext("The personal data is erased; the customer is now %(name)s.") % {"name": erased.name}
        )
