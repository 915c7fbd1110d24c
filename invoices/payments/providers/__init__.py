"""Payment providers behind one protocol: docs/payments.md#providers."""

from django.conf import settings

from invoices.models import MerchantAccount
from invoices.models.payment_attempts import ProviderName
from invoices.payments.providers import sandbox, stripe
from invoices.payments.providers.protocol import (
    Misconfigured,
    OutcomeUnknown,
    PaymentOrder,
    Provider,
    ProviderResponse,
)
from lib.encryption import decrypt


def provider(name: str, merchant: MerchantAccount | None = None) -> Provider:
    """
    Return the provider of this name, at an account.

    merchant: the seller's own account; None for that of the settings.
    """
    if name == ProviderName.SANDBOX:
        return sandbox.Sandbox()
    if merchant is None:
        return stripe.Stripe(method_kinds=settings.STRIPE_PAYMENT_METHODS)
    return stripe.Stripe(decrypt(merchant.secret_key), merchant.method_kinds)


__all__ = ["Misconfigured", "OutcomeUnknown", "PaymentOrder", "Provider", "ProviderResponse", "provider"]
