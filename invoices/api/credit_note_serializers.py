"""Credit notes in requests and responses of the API."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from invoices.api.serializers import TaxSerializer
from invoices.credit_notes import RequestedCredit
from invoices.credit_notes.credit_note import MAX_REASON
from invoices.models import Invoice, Line
from invoices.models.invoices import CreditTo
from lib.api.fields import InstantField, RowSerializer, StrictFields
from lib.api.number_fields import AmountField, NumberField


class CreditNoteSerializer(RowSerializer[Invoice]):
    """A credit note of an invoice; its amounts are the customer's claim."""

    number = serializers.CharField()
    invoice = serializers.IntegerField(source="corrects_id", help_text="Number of the credited invoice.")
    customer = serializers.CharField(source="customer.external_id")
    seller = serializers.CharField(source="seller.code")
    to = serializers.ChoiceField(source="credit_to", choices=list(CreditTo), help_text="How the money is returned.")
    issued_at = InstantField()
    net = AmountField()
    tax = AmountField()
    total = AmountField()

    class Meta:
        model = Invoice
        fields = [
            *("id", "number", "invoice", "customer", "seller", "sandbox", "issued_at", "issue_date"),
            *("reason", "to", "net", "tax", "total"),
        ]


class CreditedLineSerializer(RowSerializer[Line]):
    """The credited amount of one line, at the line's own tax."""

    line = serializers.IntegerField(source="corrects_line.position", help_text="Position of the invoice's line.")
    amount = AmountField()
    tax_rate = NumberField(help_text="Percent.")
    explanation = serializers.SerializerMethodField(help_text="How the amount was calculated.")

    class Meta:
        model = Line
        fields = ["position", "kind", "line", "description", "amount", "tax_rate", "explanation"]

    @extend_schema_field({"type": "object", "additionalProperties": True})
    def get_explanation(self, line: Line) -> Any:
        """Return the stored explanation."""
        return line.explanation


class CreditNoteDetailSerializer(CreditNoteSerializer):
    """A credit note with its lines and taxes."""

    lines = CreditedLineSerializer(many=True)
    taxes = TaxSerializer(many=True)

    class Meta(CreditNoteSerializer.Meta):
        fields = [*CreditNoteSerializer.Meta.fields, "lines", "taxes"]


class LineCreditSerializer(StrictFields, serializers.Serializer[Any]):
    """The amount to credit of a line, before tax; all that is left of it if no amount is given."""

    line = serializers.IntegerField(min_value=1, max_value=10**9, help_text="Position of the line on the invoice.")
    amount = NumberField(required=False, help_text="Before tax; default: the line's uncredited amount.")


class VoidReasonSerializer(StrictFields, serializers.Serializer[Any]):
    """The reason for voiding an invoice."""

    reason = serializers.CharField(max_length=MAX_REASON, help_text="Printed on the credit note.")


class NewCreditNoteSerializer(StrictFields, serializers.Serializer[Any]):
    """A credit note to issue: over everything left of an invoice, or over some of its lines."""

    invoice = serializers.IntegerField(min_value=1, max_value=2**63 - 1)
    lines = serializers.ListSerializer[Any](
        child=LineCreditSerializer(), required=False, allow_empty=False, max_length=2_000
    )
    reason = serializers.CharField(max_length=MAX_REASON, help_text="Printed on the credit note.")
    to = serializers.ChoiceField(choices=list(CreditTo), help_text="How the money is returned.")

    def to_internal_value(self, data: Any) -> Any:
        """Return the arguments of `issue_credit_note`."""
        arguments = super().to_internal_value(data)
        lines = arguments.pop("lines", None)
        requested_credits = (
            None if lines is None else [RequestedCredit(line["line"], line.get("amount")) for line in lines]
        )
        return arguments | {"lines": requested_credits}
