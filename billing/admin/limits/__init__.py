"""Staff pages of alerts, spend caps and reservations."""
