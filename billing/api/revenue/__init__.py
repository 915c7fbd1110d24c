"""Calls of the revenue reports."""
