"""Contacts, who receive a customer's email, over HTTP."""

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from customers.api_keys.idempotency import idempotent
from customers.customer_time import current_time
from customers.models import Contact, Customer
from customers.registration import announce_customer_updated
from lib.api.fields import StrictFields

EXAMPLE = OpenApiExample("Who pays", {"name": "Bea", "email": "bea@acme.example", "alerts": False}, request_only=True)
MOST = 50
"""Maximum contacts of a customer: each of them gets every email of its kinds."""


class ContactSerializer(StrictFields, serializers.ModelSerializer[Contact]):
    """A person or a mailbox at a customer."""

    class Meta:
        model = Contact
        fields = ["id", "name", "email", "language", "billing", "alerts"]

    def validate_email(self, value: str) -> str:
        """
        Check that the address is new for the customer.

        :raises serializers.ValidationError: if the customer already has a contact with it.
        """
        others = self.context["contacts"].filter(email__iexact=value)
        if self.instance is not None:
            others = others.exclude(pk=self.instance.pk)
        if others.exists():
            detail = serializers.ErrorDetail(f"{value} is a contact of this customer already.", "taken")
            raise serializers.ValidationError([detail])
        return value


class Contacts(generics.GenericAPIView[Contact]):
    """The contacts of one customer that the caller may see."""

    serializer_class = ContactSerializer

    def customer(self) -> Customer:
        """
        Return the customer in the URL.

        :raises Http404: if the caller sees no such customer.
        """
        name, sandbox = self.kwargs["customer"], self.request.user.sandbox
        return generics.get_object_or_404(Customer, external_id=name, sandbox=sandbox)

    def get_queryset(self) -> QuerySet[Contact]:
        """Return the customer's contacts."""
        return Contact.objects.filter(customer=self.customer())

    def save_contact(self, contact: Contact | None, data: Any, **facts: Any) -> Any:
        """
        Create or change a contact, and return it serialized.

        :raises serializers.ValidationError: if a field is invalid.
        """
        context = {"contacts": self.get_queryset()}
        serializer = ContactSerializer(contact, data=data, partial=contact is not None, context=context)
        serializer.is_valid(raise_exception=True)
        with transaction.atomic():
            customer = serializer.save(**facts).customer
            announce_customer_updated(customer, ["contacts"], at=current_time(customer))
        return serializer.data


class ContactsView(Contacts, generics.ListAPIView[Contact]):
    """The list of contacts."""

    required_scopes = {"GET": "read", "POST": "manage"}

    @extend_schema(operation_id="list_contacts", summary="Contacts of a customer, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="create_contact",
        summary="Add a contact",
        description="It gets mail of what happens from now on: `billing` for invoices, payments, top-ups and credits;"
        " `alerts` for limits and thresholds. Nobody is mailed about a sandbox customer.",
        responses={201: ContactSerializer},
        examples=[EXAMPLE],
    )
    @idempotent
    def post(self, request: Request, customer: str) -> Response:
        customer_row = self.customer()
        if Contact.objects.filter(customer=customer_row).count() >= MOST:
            detail = serializers.ErrorDetail(f"A customer has {MOST} contacts at most; remove one first.", "refused")
            raise serializers.ValidationError({"": [detail]})
        return Response(self.save_contact(None, request.data, customer=customer_row), status=status.HTTP_201_CREATED)


class ContactView(Contacts, generics.RetrieveAPIView[Contact]):
    """One contact."""

    lookup_field = "pk"
    lookup_url_kwarg = "number"
    required_scopes = {"GET": "read", "PATCH": "manage", "DELETE": "manage"}

    @extend_schema(operation_id="get_contact", summary="Read a contact")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(operation_id="update_contact", summary="Change a contact", responses=ContactSerializer)
    def patch(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response(self.save_contact(self.get_object(), request.data))

    @extend_schema(
        operation_id="remove_contact",
        summary="Remove a contact",
        description="Name and address are forgotten; mail that is still on its way to it is not sent.",
        responses={204: None},
    )
    def delete(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        contact = self.get_object()
        with transaction.atomic():
            contact.delete()
            announce_customer_updated(contact.customer, ["contacts"], at=current_time(contact.customer))
        return Response(status=status.HTTP_204_NO_CONTENT)
