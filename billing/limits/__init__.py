"""
Limits on the use of a feature: hard caps, wallets and spend caps. Checks, reservations and reports apply the same
limits.
"""
