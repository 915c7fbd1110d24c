"""Integrity checks that recompute invoiced amounts."""
