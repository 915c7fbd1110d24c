"""Unit costs, and the margin that prices leave above them."""
