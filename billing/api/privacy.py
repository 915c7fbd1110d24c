"""Personal data of a customer over HTTP: exported as a file, and erased."""

import tempfile
from typing import Any

from django.http import FileResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from rest_framework import serializers
from rest_framework.request import Request

from billing.privacy import ErasureRefused, erase, export
from customers.api.views import Customers
from lib.api.operations import get, post


class ErasedSerializer(serializers.Serializer[Any]):
    """The result of an erasure."""

    customer = serializers.CharField(help_text="Its pseudonym, by which it is found from now on.")
    events = serializers.IntegerField(help_text="Events that were stripped of what nothing is counted by.")


class PersonalData(Customers):
    """The personal data of a customer."""

    @get(
        "export_customer",
        "Export all that is known of a customer",
        "A ZIP of one JSON document and tables as CSV: details, contacts, subscriptions, usage by month,"
        " invoices, movements of wallets, mails, and what its details were before.",
        response={(200, "application/zip"): OpenApiTypes.BINARY},
    )
    def export(self, request: Request, customer: str) -> FileResponse:
        customer_record = self.get_object()
        file = tempfile.SpooledTemporaryFile(max_size=8 * 1024 * 1024)  # noqa: SIM115, the response closes it
        export(customer_record, file)
        file.seek(0)
        return FileResponse(file, as_attachment=True, filename=f"customer-{customer_record.pk}.zip")

    @post(
        "erase_customer",
        "Erase what is personal of a customer",
        "Names, addresses, contacts, mails, history, and what of events nothing is counted by. Documents,"
        " payments and the ledger stay. Refused while a subscription runs, money is owed, or something prepaid is"
        " left; `detail` says what to do. It cannot be undone.",
        response=ErasedSerializer,
        refusals={ErasureRefused: "conflict"},
    )
    def erase(self, request: Request, customer: str) -> dict[str, Any]:
        erased = erase(customer_id=self.get_object().pk, at=timezone.now())
        return {"customer": erased.name, "events": erased.events}
