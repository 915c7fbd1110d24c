"""Invoices over HTTP; one-off ones are drafted, changed, issued and discarded."""

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Prefetch
from rest_framework.request import Request

from customers.customer_time import current_time
from customers.models import Customer
from invoices.api.one_off_serializers import DraftInvoiceChangeSerializer, NewOneOffInvoiceSerializer, build_request
from invoices.api.serializers import InvoiceDetailSerializer, InvoiceSerializer
from invoices.models import DocumentKind, Invoice, InvoiceTax, Line, Section
from invoices.models.invoices import InvoiceState
from invoices.models.labels import labels_of
from invoices.one_off_invoices import (
    OneOffInvoiceRefused,
    discard_draft,
    draft_invoice,
    edit_draft,
    issue_draft,
    request_from_draft,
)
from lib.api.labels import pop_labels
from lib.api.operations import Idempotency, delete, list_rows, patch, post, read_row
from lib.api.problems import invalid_field
from lib.api.views import ApiView, OwnedRows, Row
from lib.label_changes import set_labels

DETAILED = (
    Prefetch("lines", Line.objects.select_related("corrects_line").order_by("position")),
    Prefetch("taxes", InvoiceTax.objects.order_by("-rate", "reason")),
    Prefetch("sections", Section.objects.order_by("position")),
)
INVOICES = Invoice.objects.filter(kind=DocumentKind.INVOICE)
ONE_OFF_REFUSALS = {OneOffInvoiceRefused: ("unprocessable", "not_claimable")}
EXAMPLE = {
    "customer": "acme",
    "lines": [{"description": "Migration of your data", "quantity": "2", "unit": "day", "unit_price": "900"}],
    "net_days": 30,
    "issue": True,
}


class Invoices(ApiView[Invoice]):
    """Invoices that the caller may see; one-off ones are created and issued."""

    queryset = INVOICES.select_related("customer", "seller", "labels")
    sandbox_path = "sandbox"
    serializer_class = InvoiceSerializer
    lookup_url_kwarg = "invoice"

    list_all = list_rows(
        "list_invoices",
        "List invoices, newest first",
        "Invoices: list them, and create one-off invoices.",
        filters={"customer": "customer__external_id", "state": "state", "number": "number"},
        filter_choices={"state": InvoiceState.values},
        labels="labels__",
    )

    @post(
        "create_invoice",
        "Create a one-off invoice",
        "As a draft, which can still be changed or discarded; or issued at once.",
        request=NewOneOffInvoiceSerializer,
        response=InvoiceDetailSerializer,
        status=201,
        refusals=ONE_OFF_REFUSALS,
        examples={"Two days of work": EXAMPLE},
    )
    @transaction.atomic
    def create(self, request: Request) -> Invoice:
        fields = self.read_body()
        own = Customer.objects.filter(sandbox=self.caller.sandbox)
        customer = own.filter(external_id=fields["customer"]).first()
        if customer is None:
            raise invalid_field("customer", f"No customer {fields['customer']} exists.", "does_not_exist")
        at = current_time(customer)
        one_off_request = build_request(fields, today=customer_today(customer))
        invoice = draft_invoice(customer=customer, request=one_off_request, at=at)
        set_labels(labels_of(invoice), **pop_labels(fields), at=at)
        return detailed(issue_draft(invoice_id=invoice.pk, at=at) if fields["issue"] else invoice)

    @post(
        "issue_draft_invoice",
        "Issue a draft invoice",
        "Gives it a number, after which it never changes; issuing it again returns the same invoice.",
        idempotency=Idempotency.NONE,
        response=InvoiceDetailSerializer,
        refusals=ONE_OFF_REFUSALS,
    )
    def issue(self, request: Request, *args: Any, **kwargs: Any) -> Invoice:
        invoice = self.get_object()
        return detailed(issue_draft(invoice_id=invoice.pk, at=current_time(invoice.customer)))


class DraftableInvoiceView(Invoices):
    """One invoice: read it; change or discard it while it is a one-off draft."""

    queryset = Invoices.queryset.prefetch_related(*DETAILED)
    serializer_class = InvoiceDetailSerializer

    read = read_row(
        "get_invoice",
        "Read an invoice with its lines",
        "Each line includes its explanation: the parts that sum to it exactly, rounded once.",
    )

    @patch(
        "update_draft_invoice",
        "Change a draft invoice, or labels",
        "Fields sent replace the current ones; `lines` replaces all lines. Of an issued invoice, only `metadata` and"
        " `tags` can change.",
        request=DraftInvoiceChangeSerializer,
        refusals=ONE_OFF_REFUSALS,
    )
    @transaction.atomic
    def update(self, request: Request, *args: Any, **kwargs: Any) -> Invoice:
        invoice = self.lock_object()
        labels = labels_of(invoice)
        fields = self.read_serializer(labels, partial=True).validated_data
        at, changes = current_time(invoice.customer), pop_labels(fields)
        set_labels(labels, **changes, at=at)
        if fields or not changes:
            _check_is_one_off_draft(invoice)
            today, current = customer_today(invoice.customer), request_from_draft(invoice)
            one_off_request = build_request(fields, today=today, current=current)
            edit_draft(invoice_id=invoice.pk, request=one_off_request, at=at)
        return detailed(invoice)

    @delete("discard_draft_invoice", "Discard a draft invoice", refusals=ONE_OFF_REFUSALS)
    def discard(self, request: Request, *args: Any, **kwargs: Any) -> None:
        invoice = self.get_object()
        discard_draft(invoice_id=invoice.pk, at=current_time(invoice.customer))


class InvoiceRows(OwnedRows[Row]):
    """Rows of one invoice that the caller may see."""

    owners = INVOICES.select_related("customer")
    owner_kwarg = "invoice"
    owner_field = "pk"


def detailed(invoice: Invoice) -> Invoice:
    """Return an invoice or credit note as it is stored now, with its lines, taxes and sections."""
    invoices = Invoice.objects.select_related("customer", "seller", "labels").prefetch_related(*DETAILED)
    return invoices.get(pk=invoice.pk)


def _check_is_one_off_draft(invoice: Invoice) -> None:
    if not invoice.reference.startswith("claim:") or invoice.number is not None:
        raise OneOffInvoiceRefused("Only a draft can be changed; correct an issued invoice with a credit note.")


def customer_today(customer: Customer) -> date:
    """Return today's date in the customer's time zone."""
    return current_time(customer).astimezone(ZoneInfo(customer.time_zone)).date()
