"""The customer page: usage, cost, subscriptions and invoices of one customer."""
