"""Portal links, by which the product sends its users into the portal."""

from typing import Any

from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from customers.api_keys.idempotency import idempotent
from customers.models import Contact, Customer, PortalLink
from customers.models.portal_access import PortalAccessWay
from customers.portal_auth.magic_links import create_link, portal_origin
from lib.api.fields import InstantField, StrictFields

EXAMPLE = OpenApiExample("For one of their contacts", {"contact": "bea@acme.example"}, request_only=True)


class NewPortalLinkSerializer(StrictFields, serializers.Serializer[Any]):
    """The person who may enter."""

    contact = serializers.EmailField(
        required=False,
        help_text="One of the customer's contacts, whose rights it gives; without one it is to look only.",
    )


class PortalLinkSerializer(StrictFields, serializers.Serializer[Any]):
    """A link into the portal that works once."""

    url = serializers.CharField(
        allow_null=True, help_text="Null in the answer to a repeated request: ask for a new one."
    )
    expires_at = InstantField()


class PortalLinksView(generics.GenericAPIView[PortalLink]):
    """Links into the portal of one customer."""

    required_scopes = {"POST": "manage"}
    serializer_class = PortalLinkSerializer
    queryset = PortalLink.objects.none()

    @extend_schema(
        operation_id="make_portal_link",
        summary="Let somebody into the portal",
        description="Send them to `url` within five minutes; it works once, and shows a button before it does.",
        request=NewPortalLinkSerializer,
        responses={201: PortalLinkSerializer},
        examples=[EXAMPLE],
    )
    @idempotent
    def post(self, request: Request, customer: str) -> Response:
        customer_row = generics.get_object_or_404(Customer, external_id=customer, sandbox=request.user.sandbox)
        serializer = NewPortalLinkSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        contact = self._contact(customer_row, serializer.validated_data.get("contact", ""))
        link, secret = create_link(
            customer=customer_row, contact=contact, way=PortalAccessWay.PRODUCT, at=timezone.now()
        )
        url = portal_origin(request._request) + reverse("portal_enter", args=[secret])
        body = PortalLinkSerializer({"url": url, "expires_at": link.expires_at}).data
        response = Response(body, status=status.HTTP_201_CREATED)
        response.kept_data = {**body, "url": None}
        return response

    def _contact(self, customer: Customer, email: str) -> Contact | None:
        """
        Return the customer's contact with this address; None for an empty one.

        :raises serializers.ValidationError: if the customer has no such contact.
        """
        if not email:
            return None
        contact = Contact.objects.filter(customer=customer, email__iexact=email).first()
        if contact is None:
            detail = serializers.ErrorDetail(f"{email} is no contact of this customer.", "unknown")
            raise serializers.ValidationError({"contact": [detail]})
        return contact
