"""Customers over HTTP."""

from typing import Any

from django.db import transaction
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response

from customers.api.serializers import CustomerChangeSerializer, CustomerSerializer
from customers.api_keys.idempotency import idempotent
from customers.customer_time import current_time
from customers.models import Customer
from customers.registration import announce_customer_created, announce_customer_updated
from lib.api.isolation import SandboxIsolation

EXAMPLE = OpenApiExample(
    "A customer",
    {"id": "acme", "legal_name": "Acme GmbH", "country": "DE", "email": "billing@acme.example", "currency": "EUR"},
    request_only=True,
)


class CustomersView(SandboxIsolation, generics.ListAPIView[Customer]):
    """The customers."""

    required_scopes = {"GET": "read", "POST": "manage"}
    problems = {"POST": ["conflict"]}
    queryset = Customer.objects.select_related("seller")
    serializer_class = CustomerSerializer

    @extend_schema(operation_id="list_customers", summary="List customers, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="create_customer",
        summary="Create a customer",
        description="Usage that was sent for it before is kept as unmatched, and attributed when it is replayed.",
        responses={201: CustomerSerializer},
        examples=[EXAMPLE],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        with transaction.atomic():
            customer = serializer.save(sandbox=request.user.sandbox)
            announce_customer_created(customer, at=current_time(customer))
        return Response(serializer.data, status=status.HTTP_201_CREATED)


class CustomerView(SandboxIsolation, generics.RetrieveAPIView[Customer]):
    """One customer."""

    required_scopes = {"GET": "read", "PATCH": "manage"}
    queryset = Customer.objects.select_related("seller")
    serializer_class = CustomerSerializer
    lookup_field = "external_id"
    lookup_url_kwarg = "customer"

    @extend_schema(operation_id="get_customer", summary="Read a customer")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="update_customer",
        summary="Change a customer",
        description="Documents issued from now on carry the change; those issued before keep what they say.",
        request=CustomerChangeSerializer,
        responses=CustomerChangeSerializer,
    )
    def patch(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        serializer = CustomerChangeSerializer(self.get_object(), data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        with transaction.atomic():
            customer = serializer.save()
            announce_customer_updated(customer, list(serializer.validated_data), at=current_time(customer))
        return Response(serializer.data)
