"""One-off invoices over HTTP: drafted, changed, issued, discarded."""

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
from customers.customer_time import time_of
from customers.models import Customer
from invoices.api.one_off_serializers import ClaimChangeSerializer, NewClaimSerializer, asked_by
from invoices.api.serializers import InvoiceDetailSerializer
from invoices.api.views import DETAILED, INVOICES, InvoicesView, InvoiceView
from invoices.models import Invoice
from invoices.one_off_invoices import CannotClaim, asked_of, discard, draft_invoice, edit_draft, issue_draft
from lib.api.isolation import Isolated
from lib.api.problems import Problem, invalid

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


class ClaimsView(InvoicesView):
    """Invoices: listed, and made of one-off claims."""

    required_scopes = {"GET": "read", "POST": "manage"}
    problems = {"POST": ["unprocessable"]}

    @extend_schema(
        operation_id="create_invoice",
        summary="Make a one-off invoice",
        description="A draft, which may still be changed or discarded; or issued at once.",
        request=NewClaimSerializer,
        responses={201: InvoiceDetailSerializer},
        examples=EXAMPLES,
    )
    @idempotent
    def post(self, request: Request) -> Response:
        serializer = NewClaimSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        sent = serializer.validated_data
        own = Customer.objects.filter(sandbox=request.user.sandbox)
        customer = own.filter(external_id=sent["customer"]).first()
        if customer is None:
            detail = f"There is no customer {sent['customer']}."
            raise invalid([{"field": "customer", "code": "does_not_exist", "detail": detail}])
        at = time_of(customer)
        with refused(), transaction.atomic():
            invoice = draft_invoice(customer=customer, asked=asked_by(sent, today=today(customer)), at=at)
            if sent["issue"]:
                invoice = issue_draft(invoice_id=invoice.pk, at=at)
        return Response(shown(invoice, request), status=status.HTTP_201_CREATED)


class ClaimView(InvoiceView):
    """One invoice: read; changed or discarded as long as it is a draft of one-off claims."""

    required_scopes = {"GET": "read", "PATCH": "manage", "DELETE": "manage"}
    problems = {"PATCH": ["unprocessable"], "DELETE": ["unprocessable"]}

    @extend_schema(
        operation_id="update_draft_invoice",
        summary="Change a draft of an invoice",
        description="What is sent takes the place of what it says; lines as a whole.",
        request=ClaimChangeSerializer,
        responses={200: InvoiceDetailSerializer},
    )
    def patch(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        invoice = self.get_object()
        serializer = ClaimChangeSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        with refused():
            _check_is_claim(invoice)
            customer = invoice.customer
            asked = asked_by(serializer.validated_data, today=today(customer), before=asked_of(invoice))
            invoice = edit_draft(invoice_id=invoice.pk, asked=asked, at=time_of(customer))
        return Response(shown(invoice, request))

    @extend_schema(operation_id="discard_draft_invoice", summary="Discard a draft of an invoice")
    def delete(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        invoice = self.get_object()
        with refused():
            discard(invoice_id=invoice.pk, at=time_of(invoice.customer))
        return Response(status=status.HTTP_204_NO_CONTENT)


class IssueView(Isolated, generics.GenericAPIView[Invoice]):
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
        with refused():
            invoice = issue_draft(invoice_id=invoice.pk, at=time_of(invoice.customer))
        return Response(shown(invoice, request))


@contextmanager
def refused() -> Iterator[None]:
    """Answer what cannot be claimed with the reason, and the field that it is about."""
    try:
        yield
    except CannotClaim as refusal:
        errors = [{"field": refusal.field, "code": "not_claimable", "detail": str(refusal)}]
        raise Problem("unprocessable", str(refusal), errors=errors if refusal.field else ()) from refusal


def _check_is_claim(invoice: Invoice) -> None:
    if not invoice.reference.startswith("claim:") or invoice.number is not None:
        raise CannotClaim("Only a draft can be changed: what is issued is corrected by a credit note.")


def today(customer: Customer) -> date:
    """Return the day that it is for a customer."""
    return time_of(customer).astimezone(ZoneInfo(customer.time_zone)).date()


def shown(invoice: Invoice, request: Request) -> Any:
    """Return an invoice with its lines as the API gives it."""
    whole = get_object_or_404(
        INVOICES.select_related("customer", "seller").prefetch_related(*DETAILED), pk=invoice.pk
    )
    return InvoiceDetailSerializer(whole, context={"request": request}).data
