"""Staff pages of sellers, customers, API keys, webhooks and notifications."""

from customers.admin import (
    api_keys,
    customers,
    email_templates,
    exchange_rates,
    notifications,
    sellers,
    webhook_endpoints,
)

__all__ = [
    "api_keys",
    "customers",
    "email_templates",
    "exchange_rates",
    "notifications",
    "sellers",
    "webhook_endpoints",
]
