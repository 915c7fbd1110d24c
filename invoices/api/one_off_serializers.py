"""One-off invoices in requests of the API."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from rest_framework import serializers

from customers.api.fields import SellerField
from invoices.one_off_invoices import OneOffLine, OneOffRequest
from invoices.one_off_invoices.one_off_invoice import MAX_NET_DAYS, MAX_NOTE, MAX_PURCHASE_ORDER
from invoices.one_off_invoices.one_off_lines import MAX_GROUP, MAX_LINES, MAX_PLACES
from lib.api.field_rules import FieldRule, given, not_both
from lib.api.fields import CurrencyField, StrictFields
from lib.api.labels import MetadataObjectField, TagListField
from lib.api.number_fields import NumberField
from lib.field_types import MAX_MONEY


class OneOffLineSerializer(StrictFields, serializers.Serializer[Any]):
    """One line: a number of units at a price."""

    description = serializers.CharField(max_length=300)
    unit_price = NumberField(signed=True, most=MAX_MONEY, places=MAX_PLACES, help_text="Negative for a deduction.")
    quantity = NumberField(positive=True, places=MAX_PLACES, required=False, help_text="Default: 1.")
    unit = serializers.CharField(max_length=40, required=False, allow_blank=True)
    tax_code = serializers.SlugField(max_length=40, required=False, allow_blank=True, help_text="See docs/tax.md.")
    first_day = serializers.DateField(
        required=False, help_text="First day of the service, in the customer's time zone; default: today."
    )
    last_day = serializers.DateField(required=False, help_text="Default: the first day.")
    group = serializers.CharField(
        max_length=MAX_GROUP,
        required=False,
        allow_blank=True,
        help_text="Name of the lines that it is printed with, such as an order number; it changes no amount.",
    )


class DraftInvoiceChangeSerializer(StrictFields, serializers.Serializer[Any]):
    """Changes to a draft; omitted fields keep their value. Metadata and tags may change after it is issued, too."""

    lines = serializers.ListSerializer[Any](child=OneOffLineSerializer(), required=False, max_length=MAX_LINES)
    purchase_order = serializers.CharField(max_length=MAX_PURCHASE_ORDER, required=False, allow_blank=True)
    note = serializers.CharField(
        max_length=MAX_NOTE, required=False, allow_blank=True, help_text="Printed below the lines."
    )
    net_days = serializers.IntegerField(
        min_value=0,
        max_value=MAX_NET_DAYS,
        required=False,
        allow_null=True,
        help_text="Days from issue until payment is due; null: the customer's or the seller's.",
    )
    prices_include_tax = serializers.BooleanField(required=False)
    metadata = MetadataObjectField()
    tags = TagListField()


class NewOneOffInvoiceSerializer(DraftInvoiceChangeSerializer):
    """An invoice to draft, or to issue at once."""

    customer = serializers.CharField(max_length=200, help_text="The customer's external ID.")
    currency = CurrencyField(required=False, help_text="Default: the customer's currency.")
    seller = SellerField(help_text="Code of the seller that issues it; default: the customer's seller.")
    lines = serializers.ListSerializer[Any](child=OneOffLineSerializer(), max_length=MAX_LINES)
    issue = serializers.BooleanField(
        default=False, help_text="Whether to issue it at once instead of creating a draft."
    )

    rules = (
        FieldRule(
            not_both(given("issue", True), {"properties": {"lines": {"maxItems": 0}}}),
            "lines",
            "An invoice that is issued at once needs a line.",
        ),
    )


def build_request(fields: Mapping[str, Any], *, today: date, current: OneOffRequest | None = None) -> OneOffRequest:
    """Return the requested invoice. current: the draft's present content, kept where a field is omitted."""
    current = current or OneOffRequest()
    lines = current.lines if "lines" not in fields else [_one_off_line(line, today) for line in fields["lines"]]
    return OneOffRequest(
        lines=lines,
        currency=fields.get("currency", current.currency),
        seller=fields.get("seller", current.seller),
        purchase_order=fields.get("purchase_order", current.purchase_order),
        note=fields.get("note", current.note),
        net_days=fields.get("net_days", current.net_days),
        includes_tax=fields.get("prices_include_tax", current.includes_tax),
    )


def _one_off_line(fields: Mapping[str, Any], today: date) -> OneOffLine:
    first_day = fields.get("first_day", today)
    return OneOffLine(**{**fields, "first_day": first_day, "last_day": fields.get("last_day", first_day)})
