"""API keys over HTTP: listed, issued, rotated and revoked by another live key, or by another sandbox key."""

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from customers.api_keys import keys
from customers.models import ApiKey
from customers.models.api_keys import Scope
from lib.api.fields import InstantField, StrictFields
from lib.api.operations import list_rows, post, read_row, secret_response
from lib.api.problems import Problem
from lib.api.views import ApiView


class ApiKeySerializer(StrictFields, serializers.ModelSerializer[ApiKey]):
    """A key, without its secret."""

    scopes = serializers.ListField(child=serializers.ChoiceField(choices=Scope.choices), min_length=1)
    prefix = serializers.CharField(
        read_only=True, help_text="The readable start of the key, shown in lists and logs."
    )
    expires_at = InstantField(required=False, allow_null=True)
    revoked_at = InstantField(read_only=True, allow_null=True)
    last_used_at = InstantField(read_only=True, allow_null=True, help_text="Accurate to the minute; null: never.")
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
        read_only=True, allow_null=True, help_text="Shown once; null in the response to a repeated request."
    )

    class Meta(ApiKeySerializer.Meta):
        fields = [*ApiKeySerializer.Meta.fields, "secret"]


class KeyRotationSerializer(StrictFields, serializers.Serializer[dict[str, Any]]):
    """How long the old key still works, and when the new one expires."""

    overlap = serializers.IntegerField(
        min_value=0,
        max_value=keys.LONGEST_OVERLAP // timedelta(seconds=1),
        default=86_400,
        help_text="Seconds for which the old key also works; default: a day.",
    )
    expires_at = InstantField(required=False, allow_null=True, help_text="Of the new key; default: never.")


class Keys(ApiView[ApiKey]):
    """Live keys for a live caller, sandbox keys for a sandbox caller."""

    queryset = ApiKey.objects.all()
    sandbox_path = "sandbox"
    serializer_class = ApiKeySerializer
    lookup_url_kwarg = "number"

    def grant(self, scopes: Collection[str]) -> None:
        """
        Check that the caller has the scopes that it gives.

        :raises Problem: `scope-missing`, if the caller lacks one itself.
        """
        if missing := sorted(set(scopes) - self.caller.scopes):
            detail = f"Key {self.caller.prefix}… can't grant the scope “{missing[0]}”, which it lacks itself."
            raise Problem("scope-missing", detail)

    list_all = list_rows("list_keys", "List API keys, newest first", "The list of API keys.")

    @post(
        "issue_key",
        "Issue an API key",
        "Live keys issue live keys, test keys issue test keys, and no key grants a scope that it lacks itself."
        " The response contains the secret, which is not shown again.",
        request=ApiKeySerializer,
        response=SecretKeySerializer,
        status=201,
        refusals={keys.KeyRefused: ("invalid-fields", "refused")},
        examples={"For the product's servers": {"name": "Usage", "scopes": ["ingest"]}},
    )
    def issue(self, request: Request) -> Response:
        fields = self.read_body()
        self.grant(fields["scopes"])
        key, secret = keys.issue(**fields, sandbox=self.caller.sandbox, by=None, at=timezone.now())
        return secret_response(ApiKeySerializer(key).data, secret=secret)

    read = read_row("get_key", "Read an API key", "One API key.")

    @post(
        "rotate_key",
        "Replace an API key",
        "The new key has the old key's name and scopes, all of which the caller must have; the old key keeps"
        " working for `overlap` seconds. The response contains the secret, which is not shown again.",
        request=KeyRotationSerializer,
        response=SecretKeySerializer,
        status=201,
        refusals={keys.KeyRefused: "conflict"},
    )
    @transaction.atomic
    def rotate(self, request: Request, number: int) -> Response:
        old, fields = self.get_object(), self.read_body()
        self.grant(old.scopes)
        fields["overlap"] = timedelta(seconds=fields["overlap"])
        key, secret = keys.rotate(key=old, **fields, by=None, at=timezone.now())
        return secret_response(ApiKeySerializer(key).data, secret=secret)

    @post(
        "revoke_key",
        "Revoke an API key",
        "The key is refused from the next request on, even if it is the caller's own. Revoking it again keeps"
        " the earlier time.",
    )
    def revoke(self, request: Request, number: int) -> ApiKey:
        key = self.get_object()
        keys.revoke(key=key, at=timezone.now())
        key.refresh_from_db()
        return key
