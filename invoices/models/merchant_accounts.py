"""The accounts of sellers at payment providers: docs/payments.md#several-sellers."""

import pghistory
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from invoices.models.payment_attempts import MAX_KIND, MAX_REF, ProviderName
from lib.field_types import one_of


@pghistory.track(exclude=["secret_key", "webhook_secret"])
class MerchantAccount(models.Model):
    """
    A seller's own account at a payment provider; sellers without one use the account of the settings.

    ref: the provider's id of the account, such as acct_1; empty if it is not checked in events.
    method_kinds: the payment methods that its pages offer, such as card and sepa_debit; empty: those enabled at the
        provider.
    secret_key, webhook_secret: encrypted, as secrets of webhook endpoints are.
    closed_at: since when the seller collects no new payments with it. Earlier payments are still looked up and
        refunded there.
    """

    seller = models.ForeignKey("customers.Seller", on_delete=models.PROTECT, related_name="merchant_accounts")
    provider = models.CharField(max_length=7, choices=ProviderName, default=ProviderName.STRIPE)
    ref = models.CharField(max_length=MAX_REF, blank=True)
    method_kinds = ArrayField(models.CharField(max_length=MAX_KIND), default=list, blank=True)
    secret_key = models.TextField(editable=False)
    webhook_secret = models.TextField(editable=False)
    created_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["seller", "provider"],
                condition=Q(closed_at=None),
                name="seller_has_one_open_merchant_account",
            ),
            one_of("provider", ProviderName, name="merchant_account_provider_is_known"),
            models.CheckConstraint(
                condition=Q(secret_key__startswith="gAAAA", webhook_secret__startswith="gAAAA"),  # noqa: S106, how Fernet begins
                name="merchant_account_secrets_are_kept_encrypted",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.seller} at {self.get_provider_display()}"
