"""Effects of dunning on subscriptions: docs/payments.md#dunning."""

from billing.closing.dunning.subscription_dunning import apply_dunning_actions

__all__ = ["apply_dunning_actions"]
