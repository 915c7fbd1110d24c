"""Commitments at the close: their state over the periods they cover, and progress toward them."""
