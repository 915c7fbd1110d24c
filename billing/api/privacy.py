"""Personal data of a customer over HTTP: exported as a file, and erased."""

import tempfile
from typing import Any

from django.http import FileResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.privacy import ErasureRefused, erase, export
from customers.api_keys.idempotency import idempotent
from customers.models import Customer
from lib.api.isolation import SandboxIsolation
from lib.api.problems import Problem


class ErasedSerializer(serializers.Serializer[Any]):
    """The result of an erasure."""

    customer = serializers.CharField(help_text="Its pseudonym, by which it is found from now on.")
    events = serializers.IntegerField(help_text="Events that were stripped of what nothing is counted by.")


class Personal(SandboxIsolation, generics.GenericAPIView[Customer]):
    """A customer visible to the caller."""

    queryset = Customer.objects.all()
    lookup_field = "external_id"
    lookup_url_kwarg = "customer"
    serializer_class = ErasedSerializer


class ExportView(Personal):
    """The export of a customer's data."""

    required_scopes = {"GET": "read"}

    @extend_schema(
        operation_id="export_customer",
        summary="Export all that is known of a customer",
        description="A ZIP of one JSON document and tables as CSV: details, contacts, subscriptions, usage by month,"
        " invoices, movements of wallets, mails, and what its details were before.",
        responses={(200, "application/zip"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, customer: str) -> FileResponse:
        customer_record = self.get_object()
        file = tempfile.SpooledTemporaryFile(max_size=8 * 1024 * 1024)  # noqa: SIM115, the response closes it
        export(customer_record, file)
        file.seek(0)
        return FileResponse(file, as_attachment=True, filename=f"customer-{customer_record.pk}.zip")


class ErasureView(Personal):
    """The erasure of a customer's personal data."""

    required_scopes = {"POST": "manage"}
    problems = {"POST": ["conflict"]}

    @extend_schema(
        operation_id="erase_customer",
        summary="Erase what is personal of a customer",
        description="Names, addresses, contacts, mails, history, and what of events nothing is counted by. Documents,"
        " payments and the ledger stay. Refused while a subscription runs, money is owed, or something prepaid is"
        " left; `detail` says what to do. It cannot be undone.",
        request=None,
        responses={200: ErasedSerializer},
    )
    @idempotent
    def post(self, request: Request, customer: str) -> Response:
        customer_record = self.get_object()
        try:
            erased = erase(customer_id=customer_record.pk, at=timezone.now())
        except ErasureRefused as refusal:
            raise Problem("conflict", str(refusal)) from refusal
        return Response(ErasedSerializer({"customer": erased.name, "events": erased.events}).data)
