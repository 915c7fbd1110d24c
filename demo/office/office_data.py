"""Rows of data/office.toml, and the people and jobs of the office."""

import tomllib
from datetime import datetime
from functools import cache
from typing import Any

from django.contrib.auth.models import User

from access.approvals import Requester
from billing.job_kinds import KINDS
from billing.jobs.worker import work
from customers.models import Customer
from demo.trace import DATA

FINANCE, APPROVER, OPERATIONS = "demo-finance", "demo-finance-approver", "demo-operations"


@cache
def office_rows(table: str) -> list[dict[str, Any]]:
    """Return the rows of a table of the file."""
    rows: list[dict[str, Any]] = tomllib.loads((DATA / "office.toml").read_text(encoding="utf-8"))[table]
    return rows


def live_customer(external_id: str) -> Customer:
    return Customer.objects.select_related("seller").get(external_id=external_id, sandbox=False)


def staff(username: str) -> User:
    return User.objects.get(username=username)


def requester(username: str) -> Requester:
    return Requester(user=staff(username))


def work_on_jobs(at: datetime) -> None:
    """Process the jobs that were started, as the workers would."""
    work(kinds=KINDS, clock=lambda: at)
