"""API keys, and the responses stored for repeated requests."""

from datetime import datetime
from typing import Self

import pghistory
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Scope(models.TextChoices):
    INGEST = "ingest", _("ingest: send usage")
    READ = "read", _("read: see usage, customers, plans and invoices")
    MANAGE = "manage", _("manage: change customers and subscriptions")
    REVENUE_READ = "revenue:read", _("revenue:read: see revenue, metrics and accounting files")
    REVENUE_MANAGE = "revenue:manage", _("revenue:manage: make accounting files")


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def usable(self, at: datetime) -> Self:
        return self.filter(Q(expires_at__isnull=True) | Q(expires_at__gt=at), revoked_at__isnull=True)


@pghistory.track(exclude=["secret_sha256", "last_used_at"])
class ApiKey(models.Model):
    """
    A key of the HTTP API. Only the SHA-256 of its secret is stored: 256 random bits need no slow hash.

    prefix: the readable start of the key, which identifies it in lists and logs.
    sandbox: whether the key sees sandbox customers only; any other key sees live ones only.
    """

    name = models.CharField(max_length=120)
    prefix = models.CharField(max_length=32, unique=True)
    secret_sha256 = models.CharField(max_length=64, unique=True)
    scopes = ArrayField(models.CharField(max_length=20, choices=Scope), size=5)
    sandbox = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(scopes__len__gte=1), name="key_has_a_scope"),
            models.CheckConstraint(condition=Q(secret_sha256__regex="^[0-9a-f]{64}$"), name="secret_is_kept_hashed"),  # noqa: S106
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class IdempotentRequest(models.Model):
    """
    The first response to a POST with an Idempotency-Key, written in the same transaction as its effect.

    request_sha256: digest of method, path and body; the same key with another digest is rejected.
    """

    api_key = models.ForeignKey("customers.ApiKey", on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    request_sha256 = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    body = models.TextField(blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["api_key", "key"], name="idempotency_key_is_used_once")]
        indexes = [models.Index(fields=["created_at"], name="idempotent_request_by_age")]

    def __str__(self) -> str:
        return self.key
