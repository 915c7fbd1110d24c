"""One-off invoices as the API takes them."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from rest_framework import serializers

from invoices.one_off_invoices import Asked, OneOff
from invoices.one_off_invoices.one_off_invoice import MOST_NET_DAYS, MOST_NOTE, MOST_PURCHASE_ORDER
from lib.api.fields import CurrencyField, KnownFields
from lib.api.number_fields import NumberField


class OneOffSerializer(KnownFields, serializers.Serializer[Any]):
    """One claim: so many units at a price."""

    description = serializers.CharField(max_length=300)
    unit_price = NumberField(signed=True, help_text="Below zero for what is taken off.")
    quantity = NumberField(required=False, help_text="Default: 1.")
    unit = serializers.CharField(max_length=40, required=False, allow_blank=True)
    tax_code = serializers.SlugField(max_length=40, required=False, allow_blank=True, help_text="See docs/tax.md.")
    first_day = serializers.DateField(required=False, help_text="Of the service, in the customer's zone; today.")
    last_day = serializers.DateField(required=False, help_text="Default: the first day.")


class ClaimChangeSerializer(KnownFields, serializers.Serializer[Any]):
    """What a draft is to say instead; what is not sent stays."""

    lines = OneOffSerializer(many=True, required=False, max_length=500)
    purchase_order = serializers.CharField(max_length=MOST_PURCHASE_ORDER, required=False, allow_blank=True)
    note = serializers.CharField(max_length=MOST_NOTE, required=False, allow_blank=True, help_text="Printed below.")
    net_days = serializers.IntegerField(
        min_value=0,
        max_value=MOST_NET_DAYS,
        required=False,
        allow_null=True,
        help_text="Days from issue until payment is due; the customer's or the seller's where null.",
    )
    prices_include_tax = serializers.BooleanField(required=False)


class NewClaimSerializer(ClaimChangeSerializer):
    """An invoice to draft, or to issue at once."""

    customer = serializers.CharField(max_length=200, help_text="Your own name for the customer.")
    currency = CurrencyField(required=False, help_text="Default: the customer's.")
    lines = OneOffSerializer(many=True, max_length=500)
    issue = serializers.BooleanField(default=False, help_text="Whether it is issued at once, and not a draft first.")


def asked_by(sent: Mapping[str, Any], *, today: date, before: Asked | None = None) -> Asked:
    """Return what is asked for; before: what a draft says, which stays where nothing else is sent."""
    before = before or Asked()
    lines = before.lines if "lines" not in sent else [_one_off(one, today) for one in sent["lines"]]
    return Asked(
        lines=lines,
        currency=sent.get("currency", before.currency),
        purchase_order=sent.get("purchase_order", before.purchase_order),
        note=sent.get("note", before.note),
        net_days=sent.get("net_days", before.net_days),
        includes_tax=sent.get("prices_include_tax", before.includes_tax),
    )


def _one_off(sent: Mapping[str, Any], today: date) -> OneOff:
    first_day = sent.get("first_day", today)
    return OneOff(**{**sent, "first_day": first_day, "last_day": sent.get("last_day", first_day)})
