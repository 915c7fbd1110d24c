"""Staff pages of a price: its rates, tiers and live example."""
