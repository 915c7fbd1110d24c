"""One-off invoices over HTTP: draft, change, issue, discard."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response

from customers.api_keys.idempotency import idempotent
from customers.customer_time import current_time
from customers.models import Customer
from invoices.api.one_off_serializers import DraftInvoiceChangeSerializer, NewOneOffInvoiceSerializer, build_request
from invoices.api.serializers import InvoiceDetailSerializer
from invoices.api.views import DETAILED, INVOICES, InvoicesView, InvoiceView
from invoices.models import Invoice
from invoices.one_off_invoices import (
    OneOffInvoiceRefused,
    discard_draft,
    draft_invoice,
    edit_draft,
    issue_draft,
    request_from_draft,
)
from lib.api.isolation import SandboxIsolation
from lib.api.problems import Problem, invalid_fields

EXAMPLES = [
    OpenApiExample(
        "Two days of work",
        {
            "customer": "acme",
            "lines": [{"description": "Migration of your data", "quantity": "2", "unit": "day", "unit_price": "900"}],
            "net_days": 30,
            "issue": True,
        },
        request_only=True,
    )
]


class InvoiceListCreateView(InvoicesView):
    """Invoices: list them, and create one-off invoices."""

    required_scopes = {"GET": "read", "POST": "manage"}
    problems = {"POST": ["unprocessable"]}

    @extend_schema(
        operation_id="create_invoice",
        summary="Make a one-off invoice",
        description="A draft, which may still be changed or discarded; or issued at once.",
        request=NewOneOffInvoiceSerializer,
        responses={201: InvoiceDetailSerializer},
        examples=EXAMPLES,
    )
    @idempotent
    def post(self, request: Request) -> Response:
        serializer = NewOneOffInvoiceSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        fields = serializer.validated_data
        own = Customer.objects.filter(sandbox=request.user.sandbox)
        customer = own.filter(external_id=fields["customer"]).first()
        if customer is None:
            detail = f"There is no customer {fields['customer']}."
            raise invalid_fields([{"field": "customer", "code": "does_not_exist", "detail": detail}])
        at = current_time(customer)
        with one_off_refusal_as_problem(), transaction.atomic():
            invoice = draft_invoice(
                customer=customer, request=build_request(fields, today=customer_today(customer)), at=at
            )
            if fields["issue"]:
                invoice = issue_draft(invoice_id=invoice.pk, at=at)
        return Response(serialize_invoice(invoice, request), status=status.HTTP_201_CREATED)


class DraftableInvoiceView(InvoiceView):
    """One invoice: read it; change or discard it while it is a one-off draft."""

    required_scopes = {"GET": "read", "PATCH": "manage", "DELETE": "manage"}
    problems = {"PATCH": ["unprocessable"], "DELETE": ["unprocessable"]}

    @extend_schema(
        operation_id="update_draft_invoice",
        summary="Change a draft of an invoice",
        description="What is sent takes the place of what it says; lines as a whole.",
        request=DraftInvoiceChangeSerializer,
        responses={200: InvoiceDetailSerializer},
    )
    def patch(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        invoice = self.get_object()
        serializer = DraftInvoiceChangeSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        with one_off_refusal_as_problem():
            _check_is_one_off_draft(invoice)
            customer = invoice.customer
            one_off_request = build_request(
                serializer.validated_data, today=customer_today(customer), current=request_from_draft(invoice)
            )
            invoice = edit_draft(invoice_id=invoice.pk, request=one_off_request, at=current_time(customer))
        return Response(serialize_invoice(invoice, request))

    @extend_schema(operation_id="discard_draft_invoice", summary="Discard a draft of an invoice")
    def delete(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        invoice = self.get_object()
        with one_off_refusal_as_problem():
            discard_draft(invoice_id=invoice.pk, at=current_time(invoice.customer))
        return Response(status=status.HTTP_204_NO_CONTENT)


class IssueDraftView(SandboxIsolation, generics.GenericAPIView[Invoice]):
    """The issue of a draft."""

    required_scopes = {"POST": "manage"}
    problems = {"POST": ["unprocessable"]}
    queryset = INVOICES.select_related("customer")
    lookup_url_kwarg = "invoice"

    @extend_schema(
        operation_id="issue_draft_invoice",
        summary="Issue a draft of an invoice",
        description="It gets a number, and never changes any more; asked again, the same invoice is the answer.",
        request=None,
        responses={200: InvoiceDetailSerializer},
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        invoice = self.get_object()
        with one_off_refusal_as_problem():
            invoice = issue_draft(invoice_id=invoice.pk, at=current_time(invoice.customer))
        return Response(serialize_invoice(invoice, request))


@contextmanager
def one_off_refusal_as_problem() -> Iterator[None]:
    """Turn a refused one-off invoice into an error response with the reason and the field at fault."""
    try:
        yield
    except OneOffInvoiceRefused as refusal:
        errors = [{"field": refusal.field, "code": "not_claimable", "detail": str(refusal)}]
        raise Problem("unprocessable", str(refusal), errors=errors if refusal.field else ()) from refusal


def _check_is_one_off_draft(invoice: Invoice) -> None:
    if not invoice.reference.startswith("claim:") or invoice.number is not None:
        raise OneOffInvoiceRefused("Only a draft can be changed: what is issued is corrected by a credit note.")


def customer_today(customer: Customer) -> date:
    """Return today's date in the customer's time zone."""
    return current_time(customer).astimezone(ZoneInfo(customer.time_zone)).date()


def serialize_invoice(invoice: Invoice, request: Request) -> Any:
    """Return an invoice with its lines in the API's format."""
    detailed_invoice = get_object_or_404(
        INVOICES.select_related("customer", "seller").prefetch_related(*DETAILED), pk=invoice.pk
    )
    return InvoiceDetailSerializer(detailed_invoice, context={"request": request}).data
