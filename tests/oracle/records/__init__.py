"""Dates, places and references that follow from rules of billing, worked out again."""
