"""Invoices before they are issued, as the API returns them."""

from decimal import Decimal
from typing import Any

from rest_framework import serializers

from billing.closing import NothingToBill
from billing.closing.lines.usage_lines import UnpricedUsage
from invoices.documents.drafts import Draft, DraftLine
from invoices.models import Invoice
from lib.api.fields import InstantField
from lib.api.number_fields import AmountField, NumberField, serialize_amount

PREVIEW_REFUSALS = {NothingToBill: "conflict", UnpricedUsage: "conflict", ValueError: "conflict"}


class DraftLineSerializer(serializers.Serializer[Any]):
    """One line: a charge or a credit."""

    kind = serializers.CharField()
    description = serializers.CharField()
    service_start = InstantField()
    service_end = InstantField()
    quantity = NumberField()
    amount = AmountField()


class DraftSerializer(serializers.Serializer[Any]):
    """The lines and totals of an invoice."""

    lines = DraftLineSerializer(many=True)
    net = AmountField()
    tax = AmountField()
    total = AmountField()


class DraftNoteSerializer(DraftSerializer):
    """A credit note issued together with the invoice."""

    corrects = serializers.CharField(help_text="Number of the credited invoice.")
    reason = serializers.CharField()


class DocumentSerializer(DraftSerializer):
    """An invoice as it would be issued now, with the credit notes that would be issued with it."""

    credit_notes = DraftNoteSerializer(many=True)


def document_of(draft: Draft) -> dict[str, Any]:
    """Return a draft and its credit notes in the API's form."""
    numbers = Invoice.objects.in_bulk([credit_note.corrects_id for credit_note in draft.credit_notes])
    notes = [
        {"corrects": numbers[credit_note.corrects_id].number, "reason": credit_note.reason, **_figures(credit_note)}
        for credit_note in draft.credit_notes
    ]
    return {**_figures(draft), "credit_notes": notes}


def _figures(draft: Draft) -> dict[str, Any]:
    totals = draft.totals
    amounts = {"net": totals.net, "tax": totals.tax, "total": totals.total}
    return {
        "lines": [_line(line, draft.currency) for line in draft.lines],
        **{name: serialize_amount(amount, draft.currency) for name, amount in amounts.items()},
    }


def _line(line: DraftLine, currency: str) -> dict[str, Any]:
    instant, number = InstantField().to_representation, NumberField().to_representation
    return {
        "kind": line.kind,
        "description": line.description,
        "service_start": instant(line.service_start),
        "service_end": instant(line.service_end),
        "quantity": number(Decimal(line.quantity)),
        "amount": serialize_amount(line.amount, currency),
    }
