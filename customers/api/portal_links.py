"""Portal links, by which the product sends its users into the portal."""

from typing import Any

from django.urls import reverse
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from customers.api.views import CustomerRows
from customers.models import Contact
from customers.models.contacts import ContactRole
from customers.models.portal_access import PortalAccessWay
from customers.portal_auth.magic_links import create_link
from customers.portal_auth.origins import portal_origin
from lib.api.fields import InstantField, StrictFields
from lib.api.operations import post, secret_response
from lib.api.problems import invalid_field


class NewPortalLinkSerializer(StrictFields, serializers.Serializer[Any]):
    """The person who may enter."""

    contact = serializers.EmailField(
        required=False,
        help_text="Email of a contact, whose permissions the link grants; without it, the link is read-only.",
    )


class PortalLinkSerializer(StrictFields, serializers.Serializer[Any]):
    """A link into the portal that works once."""

    url = serializers.CharField(
        allow_null=True, help_text="Null in the response to a repeated request; request a new link."
    )
    expires_at = InstantField()


class PortalLinksView(CustomerRows[Any]):
    """Links into the portal of one customer."""

    @post(
        "make_portal_link",
        "Create a portal link",
        "Redirect the customer to `url` within five minutes. It works once, and asks for confirmation by a"
        " button first.",
        request=NewPortalLinkSerializer,
        response=PortalLinkSerializer,
        status=201,
        examples={"For one of their contacts": {"contact": "bea@acme.example"}},
    )
    def create(self, request: Request, customer: str) -> Response:
        owner, email = self.owner, self.read_body().get("contact")
        contact = Contact.objects.filter(customer=owner, email__iexact=email).first() if email else None
        if email and contact is None:
            raise invalid_field("contact", f"{email} is not a contact of this customer.", "unknown")
        if contact is not None and contact.role == ContactRole.NONE:
            raise invalid_field("contact", f"{email} only gets email. Give the contact another role.", "refused")
        link, secret = create_link(customer=owner, contact=contact, way=PortalAccessWay.PRODUCT, at=timezone.now())
        url = portal_origin(request._request, owner.seller) + reverse("portal_enter", args=[secret])
        return secret_response(PortalLinkSerializer({"url": url, "expires_at": link.expires_at}).data, url=url)
