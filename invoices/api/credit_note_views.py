"""Credit notes over HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response

from customers.api_keys.idempotency import idempotent
from customers.customer_time import current_time
from invoices.api.credit_note_serializers import (
    CreditNoteDetailSerializer,
    CreditNoteSerializer,
    NewCreditNoteSerializer,
    VoidReasonSerializer,
)
from invoices.api.views import DETAILED, INVOICES, PdfFileView
from invoices.credit_notes import CreditRefused, issue_credit_note, void_invoice
from invoices.models import DocumentKind, Invoice
from lib.api.isolation import SandboxIsolation
from lib.api.problems import Problem, invalid_fields

NOTES = Invoice.objects.filter(kind=DocumentKind.CREDIT_NOTE)
EXAMPLES = [
    OpenApiExample("A whole invoice", {"invoice": 1, "reason": "Wrong address", "to": "offset"}, request_only=True),
    OpenApiExample(
        "Some of a line",
        {"invoice": 1, "lines": [{"line": 1, "amount": "5.00"}], "reason": "Outage of 14 January", "to": "balance"},
        request_only=True,
    ),
]


class CreditNotesView(SandboxIsolation, generics.ListAPIView[Invoice]):
    """Credit notes."""

    required_scopes = {"GET": "read", "POST": "manage"}
    problems = {"POST": ["unprocessable"]}
    queryset = NOTES.select_related("customer", "seller")
    serializer_class = CreditNoteSerializer
    filters = {"customer": "customer__external_id", "invoice": "corrects__number", "number": "number"}

    @extend_schema(operation_id="list_credit_notes", summary="List credit notes, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="create_credit_note",
        summary="Credit an invoice",
        description="All that is left of it, or some of its lines, never more than was claimed; issued at once.",
        request=NewCreditNoteSerializer,
        responses={201: CreditNoteDetailSerializer},
        examples=EXAMPLES,
    )
    @idempotent
    def post(self, request: Request) -> Response:
        serializer = NewCreditNoteSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        arguments = serializer.validated_data
        own = INVOICES.filter(sandbox=request.user.sandbox)
        invoice = own.filter(pk=arguments["invoice"]).select_related("customer").first()
        if invoice is None:
            detail = f"There is no invoice {arguments['invoice']}."
            raise invalid_fields([{"field": "invoice", "code": "does_not_exist", "detail": detail}])
        with credit_refusal_as_problem():
            note = issue_credit_note(
                invoice_id=arguments.pop("invoice"), **arguments, at=current_time(invoice.customer)
            )
        return Response(serialize_credit_note(note), status=status.HTTP_201_CREATED)


class VoidInvoiceView(SandboxIsolation, generics.GenericAPIView[Invoice]):
    """The voiding of an invoice."""

    required_scopes = {"POST": "manage"}
    problems = {"POST": ["unprocessable"]}
    queryset = INVOICES.select_related("customer")
    lookup_url_kwarg = "invoice"

    @extend_schema(
        operation_id="void_invoice",
        summary="Void an invoice",
        description="By a credit note over all that is left of it. What was paid in part is credited instead.",
        request=VoidReasonSerializer,
        responses={201: CreditNoteDetailSerializer},
    )
    @idempotent
    def post(self, request: Request, invoice: int) -> Response:
        invoice_row = self.get_object()
        serializer = VoidReasonSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        with credit_refusal_as_problem():
            note = void_invoice(
                invoice_id=invoice_row.pk, **serializer.validated_data, at=current_time(invoice_row.customer)
            )
        return Response(serialize_credit_note(note), status=status.HTTP_201_CREATED)


@contextmanager
def credit_refusal_as_problem() -> Iterator[None]:
    """Turn a refused credit into an error response with the reason and the field at fault."""
    try:
        yield
    except CreditRefused as refusal:
        errors = [{"field": refusal.field, "code": "not_creditable", "detail": str(refusal)}]
        raise Problem("unprocessable", str(refusal), errors=errors if refusal.field else ()) from refusal


def serialize_credit_note(note: Invoice) -> Any:
    """Return a credit note with its lines in the API's format."""
    detailed_note = get_object_or_404(
        NOTES.select_related("customer", "seller").prefetch_related(*DETAILED), pk=note.pk
    )
    return CreditNoteDetailSerializer(detailed_note).data


class CreditNoteView(SandboxIsolation, generics.RetrieveAPIView[Invoice]):
    """One credit note, line by line."""

    required_scopes = {"GET": "read"}
    queryset = NOTES.select_related("customer", "seller").prefetch_related(*DETAILED)
    serializer_class = CreditNoteDetailSerializer
    lookup_url_kwarg = "credit_note"

    @extend_schema(operation_id="get_credit_note", summary="Read a credit note with its lines")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class CreditNotePdfView(PdfFileView):
    """The file of a credit note."""

    queryset = NOTES
    lookup_url_kwarg = "credit_note"

    @extend_schema(
        operation_id="get_credit_note_pdf",
        summary="Download a credit note as PDF",
        responses={(200, "application/pdf"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        return self.pdf_response()
