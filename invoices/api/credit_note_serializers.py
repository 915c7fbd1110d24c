"""Credit notes as the API takes and gives them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from invoices.api.serializers import TaxSerializer
from invoices.credit_notes import Taken
from invoices.credit_notes.credit_note import MOST_REASON
from invoices.models import Invoice, Line
from invoices.models.invoices import CreditTo
from lib.api.fields import InstantField, KnownFields
from lib.api.number_fields import AmountField, NumberField


class CreditNoteSerializer(serializers.ModelSerializer[Invoice]):
    """What was taken back of an invoice: amounts are the customer's claim."""

    number = serializers.CharField()
    invoice = serializers.IntegerField(source="corrects_id", help_text="The invoice that it corrects.")
    customer = serializers.CharField(source="customer.external_id")
    seller = serializers.CharField(source="seller.code")
    to = serializers.ChoiceField(source="credit_to", choices=CreditTo, help_text="Where the money goes.")
    issued_at = InstantField()
    net = AmountField()
    tax = AmountField()
    total = AmountField()

    class Meta:
        model = Invoice
        fields = [
            "id",
            "number",
            "invoice",
            "customer",
            "seller",
            "sandbox",
            "issued_at",
            "issue_date",
            "reason",
            "to",
            "net",
            "tax",
            "total",
        ]
        read_only_fields = fields


class CreditedLineSerializer(serializers.ModelSerializer[Line]):
    """What is taken back of one line, at the tax that it was claimed with."""

    line = serializers.IntegerField(source="corrects_line.position", help_text="Position of the invoice's line.")
    amount = AmountField()
    tax_rate = NumberField(help_text="Percent.")
    explanation = serializers.SerializerMethodField(help_text="How the amount came about.")

    class Meta:
        model = Line
        fields = ["position", "kind", "line", "description", "amount", "tax_rate", "explanation"]
        read_only_fields = fields

    @extend_schema_field({"type": "object", "additionalProperties": True})
    def get_explanation(self, line: Line) -> Any:
        """Return the explanation as it is stored."""
        return line.explanation


class CreditNoteDetailSerializer(CreditNoteSerializer):
    """A credit note with its lines and taxes."""

    lines = CreditedLineSerializer(many=True)
    taxes = TaxSerializer(many=True)

    class Meta(CreditNoteSerializer.Meta):
        fields = [*CreditNoteSerializer.Meta.fields, "lines", "taxes"]
        read_only_fields = fields


class TakenSerializer(KnownFields, serializers.Serializer[Any]):
    """What to take back of a line: an amount before tax, or all that is left of it."""

    line = serializers.IntegerField(min_value=1, max_value=10**9, help_text="Position of the line on the invoice.")
    amount = NumberField(required=False, help_text="Before tax; all that is left of the line if not given.")


class ReasonSerializer(KnownFields, serializers.Serializer[Any]):
    """Why a whole invoice is taken back."""

    reason = serializers.CharField(max_length=MOST_REASON, help_text="Printed on the credit note.")


class NewCreditNoteSerializer(KnownFields, serializers.Serializer[Any]):
    """A credit note to issue: over all that is left of an invoice, or over some of its lines."""

    invoice = serializers.IntegerField(min_value=1, max_value=2**63 - 1)
    lines = TakenSerializer(many=True, required=False, allow_empty=False, max_length=2_000)
    reason = serializers.CharField(max_length=MOST_REASON, help_text="Printed on the credit note.")
    to = serializers.ChoiceField(choices=CreditTo, help_text="Where the money goes.")

    def to_internal_value(self, data: Any) -> Any:
        """Return the arguments of `credit`."""
        asked = super().to_internal_value(data)
        lines = asked.pop("lines", None)
        taken = None if lines is None else [Taken(one["line"], one.get("amount")) for one in lines]
        return asked | {"lines": taken}
