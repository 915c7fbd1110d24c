"""The HTTP API of billing, one package per wing."""
