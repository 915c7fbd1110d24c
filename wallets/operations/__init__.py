"""What staff and other systems do to wallets: grants, settings, and payment of invoices."""
