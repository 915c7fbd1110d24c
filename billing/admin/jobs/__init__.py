"""Background jobs: the list, the page of each job, and the pages that start jobs of a certain kind."""

from billing.admin.jobs import job_page

__all__ = ["job_page"]
