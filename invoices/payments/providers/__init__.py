"""Who takes money for us, each behind the same few verbs: docs/payments.md#providers."""

from invoices.models.payment_attempts import ProviderName
from invoices.payments.providers import sandbox, stripe
from invoices.payments.providers.protocol import Answer, Misconfigured, Order, Provider, Unclear

_KNOWN: dict[str, Provider] = {ProviderName.STRIPE: stripe.Stripe(), ProviderName.SANDBOX: sandbox.Sandbox()}


def provider(name: str) -> Provider:
    """Return who takes money under this name."""
    return _KNOWN[name]


__all__ = ["Answer", "Misconfigured", "Order", "Provider", "Unclear", "provider"]
