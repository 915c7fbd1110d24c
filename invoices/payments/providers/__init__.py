"""Payment providers behind one protocol: docs/payments.md#providers."""

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
    return stripe.Stripe() if merchant is None else stripe.Stripe(decrypt(merchant.secret_key))


__all__ = ["Misconfigured", "OutcomeUnknown", "PaymentOrder", "Provider", "ProviderResponse", "provider"]
