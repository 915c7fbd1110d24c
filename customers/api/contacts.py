"""Contacts, who receive a customer's email, over HTTP."""

from typing import Any

from django.db import transaction
from rest_framework import serializers
from rest_framework.request import Request

from customers.api.views import CustomerRows
from customers.customer_time import current_time
from customers.models import Contact
from customers.models.contacts import ContactRole
from customers.registration import announce_customer_updated
from lib.api.fields import StrictFields
from lib.api.operations import delete, list_rows, patch, post, read_row
from lib.api.problems import invalid_field

MOST = 50
"""Maximum contacts of a customer: each of them gets every email of its kinds."""


class ContactSerializer(StrictFields, serializers.ModelSerializer[Contact]):
    """A person or a mailbox at a customer."""

    role = serializers.ChoiceField(
        ContactRole.choices,
        required=False,
        help_text="Rights in the portal; default: `admin` for a contact with `billing`, else `viewer`.",
    )

    class Meta:
        model = Contact
        fields = ["id", "name", "email", "language", "role", "billing", "alerts"]

    def validate_email(self, value: str) -> str:
        """
        Check that the address is new for the customer.

        :raises serializers.ValidationError: if the customer already has a contact with it.
        """
        others = self.context["contacts"].filter(email__iexact=value)
        if self.instance is not None:
            others = others.exclude(pk=self.instance.pk)
        if others.exists():
            detail = serializers.ErrorDetail(f"{value} is already a contact of this customer.", "taken")
            raise serializers.ValidationError([detail])
        return value

    def create(self, validated_data: dict[str, Any]) -> Contact:
        """Store a new contact; without a role, one who gets the bills may do everything."""
        role = ContactRole.ADMIN if validated_data.get("billing", True) else ContactRole.VIEWER
        return super().create({"role": role, **validated_data})


class Contacts(CustomerRows[Contact]):
    """The contacts of one customer that the caller may see."""

    queryset = Contact.objects.all()
    serializer_class = ContactSerializer
    lookup_url_kwarg = "number"

    def save_contact(self, contact: Contact | None, **facts: Any) -> Contact:
        """
        Create or change a contact by the request's body, and return it.

        :raises serializers.ValidationError: if a field is invalid.
        """
        serializer = self.read_serializer(contact, partial=contact is not None, contacts=self.get_queryset())
        with transaction.atomic():
            saved: Contact = serializer.save(**facts)
            announce_customer_updated(saved.customer, ["contacts"], at=current_time(saved.customer))
        return saved

    list_all = list_rows("list_contacts", "List a customer's contacts, newest first", "The list of contacts.")

    @post(
        "create_contact",
        "Add a contact",
        "The contact receives email from now on: `billing` for invoices, payments, top-ups and credits;"
        " `alerts` for limits and thresholds. No email is sent about sandbox customers.",
        request=ContactSerializer,
        status=201,
        examples={"A billing contact": {"name": "Bea", "email": "bea@acme.example", "alerts": False}},
    )
    def create(self, request: Request, customer: str) -> Contact:
        if self.get_queryset().count() >= MOST:
            raise invalid_field("", f"A customer can have at most {MOST} contacts; remove one first.", "refused")
        return self.save_contact(None, customer=self.owner)

    read = read_row("get_contact", "Read a contact", "One contact.")

    @patch("update_contact", "Change a contact", "One contact.", request=ContactSerializer)
    def update(self, request: Request, *args: Any, **kwargs: Any) -> Contact:
        return self.save_contact(self.get_object())

    @delete(
        "remove_contact",
        "Remove a contact",
        "Deletes the name and address; email still in the queue is not sent.",
    )
    def remove(self, request: Request, *args: Any, **kwargs: Any) -> None:
        contact = self.get_object()
        with transaction.atomic():
            contact.delete()
            announce_customer_updated(contact.customer, ["contacts"], at=current_time(contact.customer))
