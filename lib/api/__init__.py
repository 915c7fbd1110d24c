"""Shared parts of the API: parsing, problems, pagination, filters and its schema."""
