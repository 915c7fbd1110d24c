"""Entitlement checks, reservations, spend caps and alerts over HTTP."""
