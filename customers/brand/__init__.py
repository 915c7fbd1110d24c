"""A seller's logo and colors."""
