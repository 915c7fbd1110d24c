"""Subscriptions and their terms over HTTP."""
