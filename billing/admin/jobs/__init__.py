"""Bulk work: the list of jobs, the page of each, and the pages that kinds of their own begin with."""

from billing.admin.jobs import job_page

__all__ = ["job_page"]
