"""Invoices in responses of the API."""

from typing import Any

from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from invoices.documents.signed_links import create_link
from invoices.models import Invoice, InvoiceTax, Line, Section
from invoices.models.invoices import BILLS_USAGE
from invoices.models.labels import labels_of
from lib.api.fields import InstantField, RowSerializer
from lib.api.labels import MetadataObjectField, TagListField
from lib.api.number_fields import AmountField, NumberField


class LineSerializer(RowSerializer[Line]):
    """One billed amount, rounded once to the currency's minor unit."""

    service_start = InstantField()
    service_end = InstantField()
    quantity = NumberField()
    amount = AmountField()
    tax_rate = NumberField(help_text="Percent.")
    explanation = serializers.SerializerMethodField(
        help_text="How the amount was calculated: the parts that sum to it exactly, or the formula of a fee."
    )

    events_link = serializers.SerializerMethodField(
        help_text="URL of the events billed by a usage line; null for other lines."
    )

    class Meta:
        model = Line
        fields = [
            *("position", "kind", "description", "service_start", "service_end", "quantity", "unit"),
            *("amount", "tax_rate", "explanation", "events_link"),
        ]

    def get_events_link(self, line: Line) -> str | None:
        """Return the address that lists a usage line's events."""
        if line.kind not in BILLS_USAGE:
            return None
        return reverse("line_events", args=[line.invoice_id, line.position])

    @extend_schema_field({"type": "object", "additionalProperties": True})
    def get_explanation(self, line: Line) -> Any:
        """Return the stored explanation."""
        return line.explanation


class TaxSerializer(RowSerializer[InvoiceTax]):
    """The tax of one rate."""

    rate = NumberField(help_text="Percent.")
    taxable = AmountField()
    amount = AmountField()

    class Meta:
        model = InvoiceTax
        fields = ["name", "rate", "reason", "taxable", "amount"]


class SectionSerializer(RowSerializer[Section]):
    """The lines of one subscription on a consolidated invoice."""

    subscription = serializers.CharField(source="name", help_text="Its name when the invoice was issued.")
    first_line = serializers.IntegerField(help_text="Position of its first line.")
    last_line = serializers.IntegerField(help_text="Position of its last line.")

    class Meta:
        model = Section
        fields = ["subscription", "first_line", "last_line"]


class InvoiceSerializer(RowSerializer[Invoice]):
    """
    An invoice to a customer. A draft may still change; an issued invoice changes only its state and counted amounts.
    """

    customer = serializers.CharField(source="customer.external_id")
    seller = serializers.CharField(source="seller.code")
    number = serializers.CharField(allow_null=True, help_text="Null for a draft.")
    issued_at = InstantField(allow_null=True)
    period_start = InstantField()
    period_end = InstantField()
    net = AmountField()
    tax = AmountField()
    total = AmountField()
    credited = AmountField(help_text="Amount of the total that credit notes have credited.")
    paid = AmountField(help_text="Amount paid.")
    due = AmountField(help_text="Amount due: the total less credit notes and payments; zero for a draft.")
    prices_include_tax = serializers.BooleanField(
        source="includes_tax", help_text="Whether the lines' amounts include tax, and so sum to the total."
    )
    replaces = serializers.IntegerField(
        source="corrects_id", allow_null=True, help_text="The invoice that this one replaces."
    )
    metadata = serializers.SerializerMethodField(help_text="Your own text by key.")
    tags = serializers.SerializerMethodField()

    class Meta:
        model = Invoice
        fields = [
            *("id", "number", "state", "customer", "seller", "sandbox", "issued_at", "issue_date"),
            *("due_date", "period_start", "period_end", "prices_include_tax", "net", "tax", "total"),
            *("credited", "paid", "due", "replaces", "purchase_order", "note", "metadata", "tags"),
        ]

    @extend_schema_field(MetadataObjectField())
    def get_metadata(self, invoice: Invoice) -> dict[str, str]:
        metadata: dict[str, str] = labels_of(invoice).metadata
        return metadata

    @extend_schema_field(TagListField())
    def get_tags(self, invoice: Invoice) -> list[str]:
        tags: list[str] = labels_of(invoice).tags
        return tags


class InvoiceDetailSerializer(InvoiceSerializer):
    """An invoice with its lines and taxes, each amount with its explanation."""

    lines = LineSerializer(many=True)
    taxes = TaxSerializer(many=True)
    sections = SectionSerializer(
        many=True, help_text="The lines of each subscription, if the invoice covers several; otherwise empty."
    )
    pdf_link = serializers.SerializerMethodField(
        help_text="Download link for the customer, valid for 30 days without a key; null for a draft."
    )

    class Meta(InvoiceSerializer.Meta):
        fields = [*InvoiceSerializer.Meta.fields, "lines", "sections", "taxes", "pdf_link"]

    @extend_schema_field({"type": ["string", "null"], "format": "uri"})
    def get_pdf_link(self, invoice: Invoice) -> str | None:
        """Return a signed link to the file; each call creates another one."""
        if invoice.number is None:
            return None
        link: str = self.context["request"].build_absolute_uri(create_link(invoice, at=timezone.now()))
        return link
