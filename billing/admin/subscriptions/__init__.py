"""Staff pages of subscriptions and their terms."""
