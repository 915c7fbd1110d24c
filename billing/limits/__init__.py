"""What limits the use of a feature: hard caps, wallets, spend caps. One answer for check, reserve and report."""
