"""
Check online whether a customer's VAT id is in use, and store the result: docs/tax.md#vat-ids.

The setting `TAX_NUMBER_CHECK` names the function that performs the check.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from customers.models import Customer
from lib.error_text import storable_error_text

# The size of the column.
MAX_PROOF = 200


@dataclass(frozen=True, slots=True)
class TaxNumberCheckResult:
    """Whether a number is in use, and a proof of the request, such as a consultation number."""

    is_valid: bool
    proof: str = ""


Check = Callable[[str, str], TaxNumberCheckResult]
"""Takes the customer's country and tax number; may raise any exception if the service does not answer."""


class TaxNumberCheckFailed(Exception):
    """The check was not possible; the text says why. The previous result stays."""


def check_tax_number(*, customer: Customer, at: datetime) -> Customer:
    """
    Check a customer's current tax number, and store the result.

    It applies to invoices issued from now on, until the number changes.

    :raises TaxNumberCheckFailed: if the customer has no number, no check is set up, or the service does not answer.
    """
    number = customer.tax_number
    if not number:
        raise TaxNumberCheckFailed(_("The customer has no tax number."))
    if not settings.TAX_NUMBER_CHECK:
        raise TaxNumberCheckFailed(
            _("No online check is configured. Set TAX_NUMBER_CHECK to a function that performs it.")
        )
    check: Check = import_string(settings.TAX_NUMBER_CHECK)
    try:
        check_result = check(customer.country, number)
    except Exception as error:
        raise TaxNumberCheckFailed(
            storable_error_text(_("The check failed: %(error)s") % {"error": error or type(error).__name__})
        ) from error
    customer.checked_tax_number, customer.tax_number_checked_at = number, at
    customer.tax_number_is_valid, customer.tax_number_proof = check_result.is_valid, check_result.proof[:MAX_PROOF]
    customer.save(
        update_fields=["checked_tax_number", "tax_number_checked_at", "tax_number_is_valid", "tax_number_proof"]
    )
    return customer
