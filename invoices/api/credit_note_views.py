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
from customers.customer_time import time_of
from invoices.api.credit_note_serializers import (
    CreditNoteDetailSerializer,
    CreditNoteSerializer,
    NewCreditNoteSerializer,
    ReasonSerializer,
)
from invoices.api.views import DETAILED, INVOICES, FileView
from invoices.credit_notes import CannotCredit, credit, void
from invoices.models import DocumentKind, Invoice
from lib.api.isolation import Isolated
from lib.api.problems import Problem, invalid

NOTES = Invoice.objects.filter(kind=DocumentKind.CREDIT_NOTE)
EXAMPLES = [
    OpenApiExample("A whole invoice", {"invoice": 1, "reason": "Wrong address", "to": "offset"}, request_only=True),
    OpenApiExample(
        "Some of a line",
        {"invoice": 1, "lines": [{"line": 1, "amount": "5.00"}], "reason": "Outage of 14 January", "to": "balance"},
        request_only=True,
    ),
]


class CreditNotesView(Isolated, generics.ListAPIView[Invoice]):
    """What was taken back."""

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
        asked = serializer.validated_data
        own = INVOICES.filter(sandbox=request.user.sandbox)
        invoice = own.filter(pk=asked["invoice"]).select_related("customer").first()
        if invoice is None:
            detail = f"There is no invoice {asked['invoice']}."
            raise invalid([{"field": "invoice", "code": "does_not_exist", "detail": detail}])
        with refused():
            note = credit(invoice_id=asked.pop("invoice"), **asked, at=time_of(invoice.customer))
        return Response(shown(note), status=status.HTTP_201_CREATED)


class VoidView(Isolated, generics.GenericAPIView[Invoice]):
    """An invoice that is taken back as a whole."""

    required_scopes = {"POST": "manage"}
    problems = {"POST": ["unprocessable"]}
    queryset = INVOICES.select_related("customer")
    lookup_url_kwarg = "invoice"

    @extend_schema(
        operation_id="void_invoice",
        summary="Void an invoice",
        description="By a credit note over all that is left of it. What was paid in part is credited instead.",
        request=ReasonSerializer,
        responses={201: CreditNoteDetailSerializer},
    )
    @idempotent
    def post(self, request: Request, invoice: int) -> Response:
        of = self.get_object()
        serializer = ReasonSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        with refused():
            note = void(invoice_id=of.pk, **serializer.validated_data, at=time_of(of.customer))
        return Response(shown(note), status=status.HTTP_201_CREATED)


@contextmanager
def refused() -> Iterator[None]:
    """Answer what cannot be credited with the reason, and the field that it is about."""
    try:
        yield
    except CannotCredit as refusal:
        errors = [{"field": refusal.field, "code": "not_creditable", "detail": str(refusal)}]
        raise Problem("unprocessable", str(refusal), errors=errors if refusal.field else ()) from refusal


def shown(note: Invoice) -> Any:
    """Return a credit note with its lines as the API gives it."""
    whole = get_object_or_404(NOTES.select_related("customer", "seller").prefetch_related(*DETAILED), pk=note.pk)
    return CreditNoteDetailSerializer(whole).data


class CreditNoteView(Isolated, generics.RetrieveAPIView[Invoice]):
    """One credit note, line by line."""

    required_scopes = {"GET": "read"}
    queryset = NOTES.select_related("customer", "seller").prefetch_related(*DETAILED)
    serializer_class = CreditNoteDetailSerializer
    lookup_url_kwarg = "credit_note"

    @extend_schema(operation_id="get_credit_note", summary="Read a credit note with its lines")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class CreditNotePdfView(FileView):
    """The file of a credit note."""

    queryset = NOTES
    lookup_url_kwarg = "credit_note"

    @extend_schema(
        operation_id="get_credit_note_pdf",
        summary="Download a credit note as PDF",
        responses={(200, "application/pdf"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        return self.file()
