"""How a priced quantity reads: the same on a preview and on an invoice line."""

from typing import Any

from drf_spectacular.utils import inline_serializer
from rest_framework import serializers

from lib.api.number_fields import NumberField

# Some units at one price; amount = units × unit_price + flat_fee, exactly. `from` cannot be written as an attribute.
PARTS = inline_serializer(
    "Part",
    {
        "from": NumberField(help_text="Exclusive."),
        "to": NumberField(allow_null=True, help_text="Inclusive."),
        "units": NumberField(),
        "unit_price": NumberField(),
        "flat_fee": NumberField(),
        "amount": NumberField(),
    },
    many=True,
)


class AmountDocument(serializers.Serializer[Any]):
    """An amount with its currency."""

    amount = NumberField()
    currency = serializers.CharField()


class PricedLineSerializer(serializers.Serializer[Any]):
    """What one rate comes to: quantity = included + billable + refused."""

    rate = serializers.CharField()
    quantity = NumberField()
    included = NumberField()
    billable = NumberField()
    refused = NumberField(help_text="Units above a hard cap, which cannot be used.")
    amount = AmountDocument(help_text="Exact: the sum of the parts.")
    parts = PARTS


class PricedSerializer(serializers.Serializer[Any]):
    """What the usage comes to."""

    plan = serializers.CharField()
    version = serializers.IntegerField()
    feature = serializers.CharField()
    lines = PricedLineSerializer(many=True)
    total = AmountDocument(help_text="As invoiced: each line rounded once to the currency's minor unit.")
