"""What dunning does to subscriptions: docs/payments.md#dunning."""

from billing.dunning.following import follow

__all__ = ["follow"]
