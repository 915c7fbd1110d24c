"""Bulk work: the list of jobs, the page of each, and the pages that kinds of their own begin with."""

from billing.admin.jobs import page

__all__ = ["page"]
