"""Staff pages of wallets."""
