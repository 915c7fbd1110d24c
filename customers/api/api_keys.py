"""API keys over HTTP: listed, issued, rotated and revoked by another live key, or by another sandbox key."""

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from customers.api_keys import keys
from customers.api_keys.idempotency import idempotent
from customers.models import ApiKey
from customers.models.api_keys import Scope
from lib.api.fields import InstantField, StrictFields
from lib.api.isolation import SandboxIsolation
from lib.api.problems import Problem

EXAMPLE = OpenApiExample("For the product's servers", {"name": "Usage", "scopes": ["ingest"]}, request_only=True)


class ApiKeySerializer(StrictFields, serializers.ModelSerializer[ApiKey]):
    """A key, without its secret."""

    scopes = serializers.ListField(child=serializers.ChoiceField(choices=Scope.choices), min_length=1)
    prefix = serializers.CharField(read_only=True, help_text="Its readable start, which names it in lists and logs.")
    expires_at = InstantField(required=False, allow_null=True)
    revoked_at = InstantField(read_only=True, allow_null=True)
    last_used_at = InstantField(read_only=True, allow_null=True, help_text="To the minute; null: never.")
    created_at = InstantField(read_only=True)

    class Meta:
        model = ApiKey
        fields = [
            *("id", "name", "prefix", "scopes", "sandbox", "created_at", "expires_at", "revoked_at", "last_used_at"),
        ]
        read_only_fields = ["id", "sandbox"]


class SecretKeySerializer(ApiKeySerializer):
    """A key with its secret."""

    secret = serializers.CharField(
        read_only=True, allow_null=True, help_text="Shown once; null where a repeated request is answered again."
    )

    class Meta(ApiKeySerializer.Meta):
        fields = [*ApiKeySerializer.Meta.fields, "secret"]


class KeyRotationSerializer(StrictFields, serializers.Serializer[dict[str, Any]]):
    """How long the old key still works, and when the new one expires."""

    overlap = serializers.IntegerField(
        min_value=0,
        max_value=keys.LONGEST_OVERLAP // timedelta(seconds=1),
        default=86_400,
        help_text="Seconds for which the old key works as well; default: a day.",
    )
    expires_at = InstantField(required=False, allow_null=True, help_text="Of the new one; default: never.")


class Keys(SandboxIsolation, generics.GenericAPIView[ApiKey]):
    """Live keys for a live caller, sandbox keys for a sandbox caller."""

    queryset = ApiKey.objects.all()
    serializer_class = ApiKeySerializer
    lookup_url_kwarg = "number"

    def grant(self, scopes: Collection[str]) -> None:
        """
        Check that the caller has the scopes that it gives.

        :raises Problem: `scope-missing`, if the caller lacks one itself.
        """
        if missing := sorted(set(scopes) - self.request.user.scopes):
            detail = f"Key {self.request.user.prefix}… cannot give the scope “{missing[0]}”: it does not have it."
            raise Problem("scope-missing", detail)

    def with_secret(self, key: ApiKey, secret: str) -> Response:
        """Return a response with the secret; the copy stored for repeated requests has none."""
        body = {**ApiKeySerializer(key).data, "secret": secret}
        response = Response(body, status=status.HTTP_201_CREATED)
        response.kept_data = {**body, "secret": None}
        return response


class KeysView(Keys, generics.ListAPIView[ApiKey]):
    """The list of API keys."""

    required_scopes = {"GET": "read", "POST": "manage"}

    @extend_schema(operation_id="list_keys", summary="List API keys, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="issue_key",
        summary="Issue an API key",
        description="A live key issues live keys, a test key test keys, and none gives a scope that it lacks itself."
        " The answer holds the secret, which is never shown again.",
        request=ApiKeySerializer,
        responses={201: SecretKeySerializer},
        examples=[EXAMPLE],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        serializer = ApiKeySerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        request_data = serializer.validated_data
        self.grant(request_data["scopes"])
        try:
            issued = keys.issue(**request_data, sandbox=request.user.sandbox, by=None, at=timezone.now())
        except keys.KeyRefused as refusal:
            detail = serializers.ErrorDetail(str(refusal), "refused")
            raise serializers.ValidationError({"expires_at": [detail]}) from refusal
        return self.with_secret(*issued)


class KeyView(Keys, generics.RetrieveAPIView[ApiKey]):
    """One API key."""

    required_scopes = {"GET": "read"}

    @extend_schema(operation_id="get_key", summary="Read an API key")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class KeyRotationView(Keys):
    """The replacement of a key by a new one."""

    required_scopes = {"POST": "manage"}
    problems = {"POST": ["conflict"]}

    @extend_schema(
        operation_id="rotate_key",
        summary="Replace an API key",
        description="The new key has the old one's name and scopes, all of which the caller must have; the old one"
        " goes on for `overlap` seconds. The answer holds the secret, which is never shown again.",
        request=KeyRotationSerializer,
        responses={201: SecretKeySerializer},
    )
    @idempotent
    @transaction.atomic
    def post(self, request: Request, number: int) -> Response:
        old = self.get_object()
        serializer = KeyRotationSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        request_data = serializer.validated_data
        self.grant(old.scopes)
        overlap, expires_at = timedelta(seconds=request_data["overlap"]), request_data.get("expires_at")
        try:
            rotated = keys.rotate(key=old, overlap=overlap, by=None, at=timezone.now(), expires_at=expires_at)
        except keys.KeyRefused as refusal:
            raise Problem("conflict", str(refusal)) from refusal
        return self.with_secret(*rotated)


class KeyRevocationView(Keys):
    """The revocation of a key."""

    required_scopes = {"POST": "manage"}

    @extend_schema(
        operation_id="revoke_key",
        summary="Revoke an API key",
        description="It is refused from the next request on, also if it is the caller's own. Revoked again, it keeps"
        " the earlier time.",
        request=None,
        responses={200: ApiKeySerializer},
    )
    @idempotent
    def post(self, request: Request, number: int) -> Response:
        key = self.get_object()
        keys.revoke(key=key, at=timezone.now())
        key.refresh_from_db()
        return Response(ApiKeySerializer(key).data)
