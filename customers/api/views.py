"""Customers over HTTP."""

from typing import Any

from django.db import transaction
from rest_framework.request import Request

from customers.api.serializers import CustomerChangeSerializer, CustomerSerializer
from customers.customer_time import current_time
from customers.models import Customer
from customers.registration import announce_customer_created, announce_customer_updated
from lib.api.operations import list_rows, patch, post, read_row
from lib.api.problems import invalid_field
from lib.api.views import ApiView, OwnedRows, Row

EXAMPLE = {
    "id": "acme",
    "legal_name": "Acme GmbH",
    "country": "DE",
    "email": "billing@acme.example",
    "currency": "EUR",
}


class Customers(ApiView[Customer]):
    """The customers that the caller may see."""

    queryset = Customer.objects.select_related("seller")
    sandbox_path = "sandbox"
    serializer_class = CustomerSerializer
    lookup_field = "external_id"
    lookup_url_kwarg = "customer"

    list_all = list_rows("list_customers", "List customers, newest first", "The customers.", labels="")

    @post(
        "create_customer",
        "Create a customer",
        "Usage sent for the customer earlier was kept as unmatched; it is attributed when it is reprocessed.",
        request=CustomerSerializer,
        status=201,
        problems=("conflict",),
        examples={"A customer": EXAMPLE},
    )
    def create(self, request: Request) -> Customer:
        serializer = self.read_serializer()
        with transaction.atomic():
            customer: Customer = serializer.save(sandbox=self.caller.sandbox)
            announce_customer_created(customer, at=current_time(customer))
        return customer

    read = read_row("get_customer", "Read a customer", "One customer.")

    @patch(
        "update_customer",
        "Change a customer",
        "Applies to invoices and credit notes issued from now on; issued ones do not change.",
        request=CustomerChangeSerializer,
        response=CustomerChangeSerializer,
    )
    def update(self, request: Request, *args: Any, **kwargs: Any) -> Customer:
        with transaction.atomic():
            serializer = self.read_serializer(self.lock_object(), partial=True)
            customer: Customer = serializer.save()
            announce_customer_updated(customer, list(serializer.validated_data), at=current_time(customer))
        return customer


class CustomerRows(OwnedRows[Row]):
    """Rows of one customer that the caller may see."""

    owners = Customer.objects.all()
    owner_kwarg = "customer"


def customer_named(external_id: str, *, sandbox: bool) -> Customer:
    """
    Return the customer that a body names.

    :raises Problem: `invalid-fields`, if the caller sees no such customer.
    """
    customer = Customer.objects.filter(external_id=external_id, sandbox=sandbox).first()
    if customer is None:
        raise invalid_field("customer", f"There is no customer “{external_id}”.", "unknown")
    return customer
