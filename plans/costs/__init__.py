"""Unit costs, and the margins of prices over them."""
