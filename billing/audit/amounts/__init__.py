"""Integrity checks that work out invoiced amounts a second time."""
