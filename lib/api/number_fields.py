"""Serializer fields for money and numbers, always decimal text, since clients parse JSON numbers as doubles."""

import re
from decimal import Decimal
from typing import Any

from djmoney.money import Money
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from lib.api.parsers import MAX_DIGITS
from lib.currencies import CREDITS
from lib.decimals import to_plain_string
from lib.money import UnknownCurrency, minor_unit

_DIGITS = rf"[0-9]{{1,{MAX_DIGITS}}}"
_WRITTEN = rf"-?{_DIGITS}(\.{_DIGITS})?"
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

    signed: whether it may be below zero. positive: whether zero is refused. most: the largest number without its
        sign, a power of ten. places: the most digits after the point.
    """

    default_error_messages = {
        "number": "“{given}” is not a plain decimal number with at most 38 digits before and after the point.",
        "negative": "{given} is negative; send zero or more.",
        "positive": "{given} is not above zero.",
        "most": "{given} is too large; send {most} at most.",
        "places": "{given} has more than {places} decimal places.",
    }

    def __init__(
        self,
        *,
        signed: bool = False,
        positive: bool = False,
        most: Decimal | int | None = None,
        places: int = MAX_DIGITS,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.signed, self.positive, self.places = signed, positive, places
        self.most = None if most is None else int(most)

    def request_schema(self) -> dict[str, Any]:
        """Return the schema of the number in a request: text or a whole number, whose digits a schema can bound."""
        places = f"{{1,{self.places}}}"
        whole_digits = MAX_DIGITS if self.most is None else len(str(self.most)) - 1
        written = rf"[0-9]{{1,{whole_digits}}}(\.[0-9]{places})?"
        if self.most is not None:  # a power of ten, which has a digit more than all numbers below it
            written = rf"({written}|{self.most}(\.0{places})?)"
        sign, zero = "-?" if self.signed else "", r"(?!0+(\.0+)?$)" if self.positive else ""
        most = 10**MAX_DIGITS - 1 if self.most is None else self.most
        whole = {"type": "integer", "minimum": -most if self.signed else int(self.positive), "maximum": most}
        return {"anyOf": [{"type": "string", "pattern": f"^{sign}{zero}{written}$"}, whole], "example": "1500"}

    def to_internal_value(self, data: Any) -> Decimal:
        """
        Parse the number.

        :raises serializers.ValidationError: if it is not such a number, or out of the field's bounds.
        """
        text = data if isinstance(data, str) else ""
        if isinstance(data, int | Decimal) and not isinstance(data, bool):
            text = format(data, "f") if isinstance(data, Decimal) else str(data)
        if not re.fullmatch(_WRITTEN, text):
            self.fail("number", given=str(data)[:40])
        number = Decimal(text)
        if number < 0 and not self.signed:
            self.fail("negative", given=text)
        if number == 0 and self.positive:
            self.fail("positive", given=text)
        if self.most is not None and abs(number) > self.most:
            self.fail("most", given=text, most=f"{self.most:,}")
        if len(text.partition(".")[2].rstrip("0")) > self.places:
            self.fail("places", given=text, places=self.places)
        return number

    def to_representation(self, value: Decimal) -> str:
        """Return the number as text without exponent or padding."""
        return to_plain_string(value)
