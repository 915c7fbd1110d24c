"""Staff pages for personal data."""
