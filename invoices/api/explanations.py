"""The explanation of an invoice over HTTP."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from babel import Locale
from django.conf import settings
from django.utils.translation.trans_real import parse_accept_lang_header
from djmoney.money import Money
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request

from invoices.api.views import Invoices
from invoices.explanation.bridge import BridgeStep
from invoices.explanation.explanation import Explanation, explanation_locale
from invoices.explanation.parts import Part
from invoices.explanation.reader import explain_invoice
from invoices.models import Invoice
from lib.api.number_fields import AmountField, NumberField
from lib.api.operations import get
from lib.api.problems import Problem
from lib.locales import document_locale, supported_language

ACCEPT_LANGUAGE = OpenApiParameter(
    "Accept-Language",
    str,
    OpenApiParameter.HEADER,
    description="The first of these languages that exists (de, en, es, fr); otherwise the customer's, or English.",
)
LANGUAGES = [code for code, _name in settings.LANGUAGES]
PART_KINDS = ("fee", "usage", "other", "discount", "tax")
STEP_EFFECTS = ("quantity", "price", "new", "ended", "change", "discount", "tax")
EFFECTS_HELP = (
    "`quantity`: more or less at the former price. `price`: the rest of a charge's difference. `new`, `ended`: on one"
    " invoice only. `change`: of quantity and price, if the lines don't tell them apart. `discount`: of a"
    " coupon. `tax`: the tax."
)


class InvoicePartSerializer(serializers.Serializer[Any]):
    """One part of the total."""

    kind = serializers.ChoiceField(choices=PART_KINDS)
    text = serializers.CharField(help_text="The part in words, without its amount.")
    # The metaclass takes declared fields off the class, so that they hide no attribute of it.
    label = serializers.CharField(help_text="Of its line or tax; empty for several taxes.")  # type: ignore[assignment]  # a field
    quantity = NumberField(allow_null=True, help_text="Unrounded; null if no quantity explains the amount.")
    unit = serializers.CharField(help_text="As finance named it; empty without a quantity.")
    beyond_allowance = serializers.BooleanField(
        source="is_extra", help_text="Whether the quantity is what exceeded an allowance."
    )
    amount = AmountField()


class BridgeStepSerializer(serializers.Serializer[Any]):
    """One step from the former invoice's total to this one's."""

    effect = serializers.ChoiceField(choices=STEP_EFFECTS, help_text=EFFECTS_HELP)
    text = serializers.CharField(help_text="The reason in words.")
    label = serializers.CharField(help_text="Of the line; empty for tax.")  # type: ignore[assignment]  # a field
    unit = serializers.CharField(help_text="Empty without quantities.")
    before = NumberField(allow_null=True, help_text="Quantity on the former invoice; null without quantities.")
    after = NumberField(allow_null=True, help_text="Quantity on this invoice; null without quantities.")
    amount = AmountField()


class BridgeSerializer(serializers.Serializer[Any]):
    """The steps from the former invoice; they sum to the difference."""

    invoice = serializers.IntegerField(source="former_id", help_text="The former invoice.")
    number = serializers.CharField(source="former_number")
    issue_date = serializers.DateField(source="former_date")
    total = AmountField(help_text="Of the former invoice.")
    difference = AmountField(help_text="This invoice's total less the former one's.")
    has_same_prices = serializers.BooleanField(
        help_text="Whether each charge on both invoices has the same price on both."
    )
    steps = BridgeStepSerializer(many=True)


class ExplanationSerializer(serializers.Serializer[Any]):
    """An invoice in words; the parts sum to its total."""

    language = serializers.ChoiceField(choices=LANGUAGES)
    text = serializers.CharField(help_text="One to five sentences.")
    total = AmountField()
    parts = InvoicePartSerializer(many=True)
    bridge = BridgeSerializer(allow_null=True, help_text="Null without a former invoice of the subscription.")


class InvoiceExplanations(Invoices):
    """The explanation of an invoice."""

    @get(
        "explain_invoice",
        "Explain an invoice in words",
        "The total as a sum of at most a few parts, and the difference from the former invoice of the subscription.",
        response=ExplanationSerializer,
        parameters=(ACCEPT_LANGUAGE,),
        problems=("conflict",),
    )
    def explain(self, request: Request, **kwargs: Any) -> dict[str, Any]:
        invoice = self.get_object()
        locale = _reader_locale(getattr(request, "accepted_languages", ""), invoice.customer.locale)
        explanation = explain_invoice(invoice, locale=locale)
        if explanation is None:
            raise Problem("conflict", f"{invoice} has too many lines to be explained.")
        return _as_row(explanation, invoice)


def _reader_locale(accepted: str, customer_locale: str) -> Locale:
    """Return the locale of the first accepted language, in the customer's country; by default the customer's."""
    languages = (supported_language(name) for name, _quality in parse_accept_lang_header(accepted))
    language = next((language for language in languages if language), None)
    if language is None:
        return explanation_locale(customer_locale)
    territory = document_locale(customer_locale).territory
    return explanation_locale(f"{language}_{territory}" if territory else language)


def _as_row(explanation: Explanation, invoice: Invoice) -> dict[str, Any]:
    """Return an explanation as its serializer reads it: each amount with its currency."""
    currency, bridge = str(invoice.currency), explanation.bridge
    return {
        "language": explanation.locale.language,
        "text": explanation.text,
        "total": invoice.total,
        "parts": _with_texts(explanation.parts, explanation.part_texts, currency),
        "bridge": bridge
        and {
            **{name: getattr(bridge, name) for name in ("former_id", "former_number", "former_date")},
            "total": Money(bridge.former_total, currency),
            "difference": Money(bridge.difference, currency),
            "has_same_prices": bridge.has_same_prices,
            "steps": _with_texts(bridge.steps, explanation.step_texts, currency),
        },
    }


def _with_texts(rows: Sequence[Part | BridgeStep], texts: Sequence[str], currency: str) -> list[dict[str, Any]]:
    return [
        {**asdict(row), "text": text, "amount": Money(row.amount, currency)}
        for row, text in zip(rows, texts, strict=True)
    ]
