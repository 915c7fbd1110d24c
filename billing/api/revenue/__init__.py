"""Revenue reports and accounting files in the API."""
