"""The serialization of a priced quantity, shared by previews and invoice lines."""

from typing import Any

from drf_spectacular.utils import inline_serializer
from rest_framework import serializers

from lib.api.number_fields import NumberField

# Units at one price: amount = units × unit_price + flat_fee, exactly. Inline, since `from` can't be an attribute.
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
    """The usage of one rate, priced: quantity = included + billable + refused."""

    rate = serializers.CharField()
    quantity = NumberField()
    included = NumberField()
    billable = NumberField()
    refused = NumberField(help_text="Units above a hard cap, which are not billed.")
    amount = AmountDocument(help_text="Exact sum of the parts.")
    parts = PARTS


class PricedSerializer(serializers.Serializer[Any]):
    """The priced usage."""

    plan = serializers.CharField()
    version = serializers.IntegerField()
    feature = serializers.CharField()
    lines = PricedLineSerializer(many=True)
    total = AmountDocument(help_text="As invoiced: each line is rounded once, to the currency's minor unit.")
