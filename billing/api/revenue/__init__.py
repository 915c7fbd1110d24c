"""Revenue and accounting files in the API."""
