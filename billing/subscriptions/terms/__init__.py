"""
The features that a subscription covers, and its own terms: quantities, overrides, commitments, coupons, credits.
"""
