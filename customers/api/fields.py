"""Fields of requests about sellers, and addresses of webhooks."""

import re
from typing import Any

from rest_framework import serializers
from stdnum import bic, iban
from stdnum.exceptions import ValidationError as InvalidNumber

from customers.models import Seller
from customers.notifications.http_client import PORTS
from lib.api.fields import PatternField

_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"


class SellerField(serializers.SlugRelatedField):  # type: ignore[type-arg]  # its generic takes none at run time
    """The code of a seller; optional."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            slug_field="code",
            queryset=Seller.objects.all(),
            **{"required": False, "help_text": "Code of the seller; default: the customer's seller.", **options},
        )


class BankField(PatternField):
    """A number of a bank or an account; the spaces of its printed form are left out."""

    def to_internal_value(self, data: str) -> str:
        """
        Return the number without spaces.

        :raises serializers.ValidationError: if it is invalid.
        """
        text = super().to_internal_value(data)
        try:
            return self.compact(text) if text else ""
        except InvalidNumber:
            self.fail("bank", given=text)

    def compact(self, text: str) -> str:
        """
        Return the number without spaces.

        :raises InvalidNumber: if it is invalid.
        """
        raise NotImplementedError


class IbanField(BankField):
    """An international bank account number, whose check digits can't be declared."""

    default_error_messages = {"bank": "“{given}” is not a valid IBAN; other accounts go to bank_details."}
    pattern = "[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}"

    def compact(self, text: str) -> str:
        return str(iban.validate(text))


class BicField(BankField):
    """A business identifier code of a bank."""

    default_error_messages = {"bank": "“{given}” is not a valid BIC; it has 8 or 11 characters."}
    pattern = "[A-Z]{6}[A-Z0-9]{2}([A-Z0-9]{3})?"

    def compact(self, text: str) -> str:
        return str(bic.validate(text))


class LocaleField(PatternField):
    """A language and a country."""

    default_error_messages = {"locale": "“{given}” is not a locale; write it like en_US or de_DE."}
    pattern = "[a-z]{2,3}(_[A-Z][a-z]{3})?(_[A-Z]{2})?"

    def to_internal_value(self, data: str) -> str:
        """
        Return the locale.

        :raises serializers.ValidationError: if it is not written like de_DE.
        """
        text = super().to_internal_value(data)
        if not re.fullmatch(self.pattern, text):
            self.fail("locale", given=text)
        return text


class WebhookUrlField(PatternField):
    """The address of a webhook endpoint; `check_address` also accepts the hosts that an installation allows."""

    pattern = rf"https://({_LABEL}\.)+[A-Za-z][A-Za-z0-9]+(:({'|'.join(map(str, PORTS))}))?(/[A-Za-z0-9._~/-]*)?"
