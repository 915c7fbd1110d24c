"""Staff pages of a plan version, from draft to publication."""
