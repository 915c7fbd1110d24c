"""A customer's taxes over HTTP."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request

from customers.api.views import Customers
from customers.customer_time import current_time
from customers.models import Customer
from invoices.documents.tax_description import taxation_of
from invoices.tax.vat_id_check import TaxNumberCheckFailed, check_tax_number
from lib.api.fields import InstantField
from lib.api.number_fields import NumberField
from lib.api.operations import Idempotency, get, post


class ChargedTaxSerializer(serializers.Serializer[Any]):
    """A tax that is charged."""

    name = serializers.CharField()
    rate = NumberField(help_text="Percent.")
    reason = serializers.CharField(help_text="Why the rate is zero, as printed on invoices.")


class TaxationSerializer(serializers.Serializer[Any]):
    """The taxes on a supply to a customer now, for a product without a tax code of its own."""

    taxes = ChargedTaxSerializer(many=True)
    problem = serializers.CharField(
        help_text="Why the VAT ID is not accepted, so that tax is charged; otherwise empty."
    )
    tax_number = serializers.CharField()
    is_valid = serializers.BooleanField(  # type: ignore[assignment]  # a field, which the metaclass takes off
        allow_null=True, help_text="Result of the online check; null without one."
    )
    checked_at = InstantField(allow_null=True)
    proof = serializers.CharField(help_text="Proof of the online check.")


class CustomerTaxes(Customers):
    """The taxes of a customer, and online checks of its VAT id."""

    @get("get_taxation", "Read a customer's taxes", "The taxes of a customer.", response=TaxationSerializer)
    def read(self, request: Request, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return taxation_payload(self.get_object())

    @post(
        "check_tax_number",
        "Check a customer's VAT ID online",
        "Uses the configured check; the result applies to invoices issued from now on.",
        idempotency=Idempotency.NONE,
        response=TaxationSerializer,
        refusals={TaxNumberCheckFailed: "unprocessable"},
    )
    def check(self, request: Request, *args: Any, **kwargs: Any) -> dict[str, Any]:
        customer = self.get_object()
        return taxation_payload(check_tax_number(customer=customer, at=current_time(customer)))


def taxation_payload(customer: Customer) -> dict[str, Any]:
    """Return the fields of a customer's taxation."""
    taxation = taxation_of(customer, at=current_time(customer))
    is_checked = bool(customer.tax_number) and customer.checked_tax_number == customer.tax_number
    return {
        "taxes": taxation.taxes,
        "problem": taxation.problem,
        "tax_number": customer.tax_number,
        "is_valid": customer.tax_number_is_valid if is_checked else None,
        "checked_at": customer.tax_number_checked_at if is_checked else None,
        "proof": customer.tax_number_proof if is_checked else "",
    }
