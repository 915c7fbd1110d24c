"""Staff pages of sellers, customers and API keys."""

from customers.admin import customers, keys, sellers

__all__ = ["customers", "keys", "sellers"]
