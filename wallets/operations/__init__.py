"""Operations of staff and other systems on wallets: grants, settings, and payment of invoices."""
