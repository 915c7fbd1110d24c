"""Payment providers behind one protocol: docs/payments.md#providers."""

from invoices.models.payment_attempts import ProviderName
from invoices.payments.providers import sandbox, stripe
from invoices.payments.providers.protocol import (
    Misconfigured,
    OutcomeUnknown,
    PaymentOrder,
    Provider,
    ProviderResponse,
)

_PROVIDERS: dict[str, Provider] = {ProviderName.STRIPE: stripe.Stripe(), ProviderName.SANDBOX: sandbox.Sandbox()}


def provider(name: str) -> Provider:
    """Return the provider of this name."""
    return _PROVIDERS[name]


__all__ = ["Misconfigured", "OutcomeUnknown", "PaymentOrder", "Provider", "ProviderResponse", "provider"]
