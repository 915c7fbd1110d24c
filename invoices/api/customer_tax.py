"""A customer's taxes over HTTP."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from customers.customer_time import current_time
from customers.models import Customer
from invoices.documents.tax_description import taxation_of
from invoices.tax.vat_id_check import TaxNumberCheckFailed, check_tax_number
from lib.api.fields import InstantField
from lib.api.isolation import SandboxIsolation
from lib.api.number_fields import NumberField
from lib.api.problems import Problem


class ChargedTaxSerializer(serializers.Serializer[Any]):
    """A tax that is charged."""

    name = serializers.CharField()
    rate = NumberField(help_text="Percent.")
    reason = serializers.CharField(help_text="Why it is zero, as documents say it.")


class TaxationSerializer(serializers.Serializer[Any]):
    """The taxes on a supply to a customer now, for a product without a tax code of its own."""

    taxes = ChargedTaxSerializer(many=True)
    problem = serializers.CharField(help_text="Why the VAT id does not count, so that tax is charged; else empty.")
    tax_number = serializers.CharField()
    is_valid = serializers.BooleanField(allow_null=True, help_text="What an online check said; null without one.")
    checked_at = InstantField(allow_null=True)
    proof = serializers.CharField(help_text="What proves that it was asked for.")


class TaxationView(SandboxIsolation, generics.GenericAPIView[Customer]):
    """The taxes of a customer."""

    required_scopes = {"GET": "read"}
    queryset = Customer.objects.select_related("seller")
    lookup_field = "external_id"
    lookup_url_kwarg = "customer"

    @extend_schema(
        operation_id="get_taxation", summary="Read how a customer is taxed", responses={200: TaxationSerializer}
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response(serialize_taxation(self.get_object()))


class TaxNumberCheckView(SandboxIsolation, generics.GenericAPIView[Customer]):
    """Online checks of a customer's VAT id."""

    required_scopes = {"POST": "manage"}
    problems = {"POST": ["unprocessable"]}
    queryset = Customer.objects.select_related("seller")
    lookup_field = "external_id"
    lookup_url_kwarg = "customer"

    @extend_schema(
        operation_id="check_tax_number",
        summary="Look up a customer's VAT id",
        description="By the check that is set up; what it says counts for documents issued from now on.",
        request=None,
        responses={200: TaxationSerializer},
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        customer = self.get_object()
        try:
            customer = check_tax_number(customer=customer, at=current_time(customer))
        except TaxNumberCheckFailed as refused:
            raise Problem("unprocessable", str(refused)) from refused
        return Response(serialize_taxation(customer))


def serialize_taxation(customer: Customer) -> dict[str, Any]:
    """Return a customer's taxation in the API's format."""
    taxation = taxation_of(customer, at=current_time(customer))
    is_checked = bool(customer.tax_number) and customer.checked_tax_number == customer.tax_number
    return TaxationSerializer(
        {
            "taxes": taxation.taxes,
            "problem": taxation.problem,
            "tax_number": customer.tax_number,
            "is_valid": customer.tax_number_is_valid if is_checked else None,
            "checked_at": customer.tax_number_checked_at if is_checked else None,
            "proof": customer.tax_number_proof if is_checked else "",
        }
    ).data
