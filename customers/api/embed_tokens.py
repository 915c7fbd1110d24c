"""Tokens of embedded pages, by which the product shows a customer's usage in its own pages."""

from datetime import timedelta
from typing import Any

from django.urls import reverse
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from customers.api.views import CustomerRows
from customers.models import PortalSession
from customers.models.portal_access import LONGEST_EMBEDDING, EmbeddedPage
from customers.portal_auth.embed_tokens import create_embed_token, revoke
from customers.portal_auth.origins import portal_origin
from lib.api.fields import InstantField, StrictFields
from lib.api.operations import delete, post, secret_response
from lib.api.problems import Problem

LONGEST, SHORTEST = int(LONGEST_EMBEDDING.total_seconds()), 60


class NewEmbedTokenSerializer(StrictFields, serializers.Serializer[Any]):
    """The pages to open, and for how long."""

    pages = serializers.ListField(
        child=serializers.ChoiceField(EmbeddedPage.choices),
        min_length=1,
        max_length=len(EmbeddedPage),
        help_text="`usage` and `balance` are charts; `portal` is the whole portal, read-only.",
    )
    seconds = serializers.IntegerField(
        min_value=SHORTEST, max_value=LONGEST, default=LONGEST, help_text="How long the token opens them."
    )


class EmbedTokenSerializer(StrictFields, serializers.Serializer[Any]):
    """A token of embedded pages."""

    id = serializers.IntegerField(help_text="Revokes the token.")
    urls = serializers.DictField(
        child=serializers.CharField(),
        allow_null=True,
        help_text="Page → address for a frame. Null in the response to a repeated request; create a new token.",
    )
    expires_at = InstantField()


class EmbedTokens(CustomerRows[PortalSession]):
    """The tokens of pages of one customer in frames."""

    queryset = PortalSession.objects.embedded()
    lookup_url_kwarg = "number"

    @post(
        "create_embed_token",
        "Create a token of embedded pages",
        "Use an address as the `src` of a frame, on a site that the seller allows. It shows this customer's pages,"
        " read-only, until it expires.",
        request=NewEmbedTokenSerializer,
        response=EmbedTokenSerializer,
        status=201,
        problems=("conflict",),
        examples={"Charts for a quarter of an hour": {"pages": ["usage", "balance"], "seconds": 900}},
    )
    def create(self, request: Request, customer: str) -> Response:
        owner, fields = self.owner, self.read_body()
        if not owner.seller.frame_ancestors:
            raise Problem(
                "conflict", f"No site may embed pages of {owner.seller}: add its origin to the seller first."
            )
        lifetime = timedelta(seconds=fields["seconds"])
        token, secret = create_embed_token(
            customer=owner, pages=fields["pages"], lifetime=lifetime, at=timezone.now()
        )
        origin = portal_origin(request._request)
        urls = {page: origin + reverse(f"embedded_{page}", args=[secret]) for page in token.pages}
        body = {"id": token.pk, "urls": urls, "expires_at": token.expires_at}
        return secret_response(EmbedTokenSerializer(body).data, urls=urls)

    @delete("revoke_embed_token", "Revoke a token of embedded pages", "Its addresses stop working at once.")
    def remove(self, request: Request, customer: str, number: int) -> None:
        revoke(self.get_object(), at=timezone.now())
