"""Integrity checks of what rows say about each other."""
