"""What dunning does to subscriptions: docs/payments.md#dunning."""

from billing.closing.dunning.subscription_dunning import follow

__all__ = ["follow"]
