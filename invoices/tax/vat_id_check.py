"""
Ask whether a customer's VAT id is in use, and keep the answer: docs/tax.md#vat-ids.

Who is asked is not ours: the setting `TAX_NUMBER_CHECK` names the function that does it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.utils.module_loading import import_string

from customers.models import Customer
from lib.error_text import readable

MOST_PROOF = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether a number is in use, and what proves that it was asked for, such as a consultation number."""

    is_valid: bool
    proof: str = ""


Check = Callable[[str, str], Answer]
"""Takes the customer's country and tax number; raises what it likes if nobody answers."""


class CannotCheck(Exception):
    """Nobody could be asked; the text says why. What was known before stays."""


def check_tax_number(*, customer: Customer, at: datetime) -> Customer:
    """
    Ask for the tax number that a customer has now, and keep what was answered.

    It counts for documents issued from now on, as long as the number stays.

    :raises CannotCheck: if there is no number, nobody to ask, or no answer.
    """
    number = customer.tax_number
    if not number:
        raise CannotCheck("The customer has no tax number.")
    if not settings.TAX_NUMBER_CHECK:
        raise CannotCheck("No online check is set up: TAX_NUMBER_CHECK names the function that asks.")
    check: Check = import_string(settings.TAX_NUMBER_CHECK)
    try:
        answer = check(customer.country, number)
    except Exception as error:
        raise CannotCheck(readable(f"Nobody answered: {error or type(error).__name__}")) from error
    customer.checked_tax_number, customer.tax_number_checked_at = number, at
    customer.tax_number_is_valid, customer.tax_number_proof = answer.is_valid, answer.proof[:MOST_PROOF]
    customer.save(
        update_fields=["checked_tax_number", "tax_number_checked_at", "tax_number_is_valid", "tax_number_proof"]
    )
    return customer
