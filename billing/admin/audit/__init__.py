"""Staff pages of integrity checks."""
