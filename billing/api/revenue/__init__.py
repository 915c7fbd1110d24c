"""Revenue reports, metrics and accounting files in the API."""
