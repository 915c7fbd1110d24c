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

    customer = serializers.CharField(help_text="The pseudonym that replaces its external ID.")
    events = serializers.IntegerField(help_text="Events whose personal data was removed.")


class PersonalData(Customers):
    """The personal data of a customer."""

    @get(
        "export_customer",
        "Export a customer's data",
        "A ZIP with one JSON document and CSV tables: details, contacts, subscriptions, monthly usage,"
        " invoices, wallet activity, emails, and earlier versions of the details.",
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
        "Erase a customer's personal data",
        "Removes names, addresses, contacts, emails, history, and the parts of events that no meter needs."
        " Invoices, payments and the ledger are kept. Refused while a subscription is active, money is owed, or"
        " prepaid value remains; `detail` gives the remedy. This can't be undone.",
        response=ErasedSerializer,
        refusals={ErasureRefused: "conflict"},
    )
    def erase(self, request: Request, customer: str) -> dict[str, Any]:
        erased = erase(customer_id=self.get_object().pk, at=timezone.now())
        return {"customer": erased.name, "events": erased.events}
