"""Approval requests over HTTP."""
