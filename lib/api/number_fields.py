"""Serializer fields for money and numbers, always decimal text, since clients parse JSON numbers as doubles."""

import re
from decimal import Decimal
from typing import Any

from djmoney.money import Money
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from lib.currencies import CREDITS
from lib.decimals import to_plain_string
from lib.money import UnknownCurrency, minor_unit

_WRITTEN = re.compile(r"-?\d{1,38}(\.\d{1,38})?", re.ASCII)
_DECIMAL = {"type": "string", "pattern": r"^-?\d+(\.\d+)?$"}


def serialize_amount(amount: Decimal, currency: str) -> dict[str, str]:
    """
    Return an amount in the API's format: {"amount": "12.30", "currency": "USD"}.

    It has at least the decimal places of the currency's minor unit, and every digit of the amount; credits have no
    minor unit and the code `XCR`.
    """
    text = to_plain_string(amount)
    try:
        places = 0 if currency == CREDITS else -int(minor_unit(currency).as_tuple().exponent)
    except UnknownCurrency:
        places = 0
    whole, _, fraction = text.partition(".")
    fraction = fraction.ljust(places, "0")
    return {"amount": f"{whole}.{fraction}" if fraction else whole, "currency": currency}


@extend_schema_field(
    {
        "type": "object",
        "required": ["amount", "currency"],
        "properties": {
            "amount": {**_DECIMAL, "example": "12.30"},
            "currency": {"type": "string", "pattern": "^[A-Z]{3}$", "example": "USD"},
        },
    }
)
class AmountField(serializers.Field[Money, Any, dict[str, str], Money]):
    """An amount with its currency; read-only. A plain decimal is in the `currency` of its row."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"read_only": True, **kwargs})

    def get_attribute(self, instance: Any) -> Any:
        """Return the amount as Money, or None if there is none."""
        amount = super().get_attribute(instance)
        return amount if amount is None or isinstance(amount, Money) else Money(amount, str(instance.currency))

    def to_representation(self, value: Money) -> dict[str, str]:
        """Return {"amount", "currency"}."""
        return serialize_amount(value.amount, str(value.currency))


class NumberField(serializers.Field[Decimal, Any, str, Decimal]):
    """
    An exact number: plain decimal text, or a JSON number, of at most 38 digits before and after the point.

    `lib.api.schema.NumberSchema` describes it.

    signed: whether it may be below zero.
    """

    default_error_messages = {
        "number": "“{given}” is not a plain decimal number with at most 38 digits before and after the point.",
        "negative": "{given} is negative; send zero or more.",
    }

    def __init__(self, *, signed: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.signed = signed

    def to_internal_value(self, data: Any) -> Decimal:
        """
        Parse the number.

        :raises serializers.ValidationError: if it is not such a number, or is below zero and not signed.
        """
        text = data if isinstance(data, str) else ""
        if isinstance(data, int | Decimal) and not isinstance(data, bool):
            text = format(data, "f") if isinstance(data, Decimal) else str(data)
        if not _WRITTEN.fullmatch(text):
            self.fail("number", given=str(data)[:40])
        number = Decimal(text)
        if number < 0 and not self.signed:
            self.fail("negative", given=text)
        return number

    def to_representation(self, value: Decimal) -> str:
        """Return the number as text without exponent or padding."""
        return to_plain_string(value)
