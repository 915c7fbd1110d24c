"""Staff pages of sellers, customers, API keys, webhooks, and of what was told."""

from customers.admin import customers, keys, notices, sellers, webhooks, wordings

__all__ = ["customers", "keys", "notices", "sellers", "webhooks", "wordings"]
