"""Payments: attempts through a provider, refunds, customer balances, dunning and reconciliation."""
