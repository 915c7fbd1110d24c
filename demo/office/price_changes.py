"""
Price changes and the rules of approval: one change is approved and scheduled, two wait for a second person.

The effect of the waiting ones on past usage is simulated.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction

from access.approvals import approve, perform
from access.models import ApprovalRequest, ApprovalRule
from billing.simulation.cohorts import Cohort
from billing.simulation.job import start_simulation
from billing.subscriptions.plan_changes.acts import PublishVersion
from demo.days import month_start
from demo.office.office_data import APPROVER, FINANCE, office_rows, requester, staff, work_on_jobs
from plans.models import Fee, PlanVersion, Rate
from plans.models.versions import VersionState
from plans.pricing.figure_changes import change_by_percent
from plans.publishing.publication import new_version
from plans.publishing.required_simulation import find_simulation

ZONE = ZoneInfo("America/New_York")
"""The seller's clock, by which prices change at midnight."""

MONTHS_AHEAD = {"next month": 1, "month after next": 2}
STEPS = {"fee": Decimal("0.01"), "rate": Decimal("0.000000001")}
NEEDS_APPROVAL = ("price_changes", "write_offs", "credit_notes")


@transaction.atomic
def add(*, at: datetime) -> bool:
    if ApprovalRequest.objects.exists():
        return False
    for kind in NEEDS_APPROVAL:
        ApprovalRule.objects.update_or_create(kind=kind, defaults={"is_required": True})
    for change in office_rows("price_changes"):
        _add_change(at=at, **change)
    return True


def simulate(*, at: datetime) -> bool:
    waiting = PlanVersion.objects.select_related("plan").filter(state=VersionState.REVIEW).order_by("pk")
    missing = [version for version in waiting if find_simulation(version) is None]
    for version in missing:
        cohort = Cohort(plan_id=version.plan_id)
        start_simulation(versions=[version], cohort=cohort, periods=1, by=staff(FINANCE), at=at)
    work_on_jobs(at)
    return bool(missing)


def _add_change(*, at: datetime, percent: str, starts: str, is_approved: bool = False, **change: Any) -> None:
    source = PlanVersion.objects.in_force(at).get(plan__code=change["plan"])
    version = new_version(source=source, by=staff(FINANCE), at=at, note=change["note"])
    _raise_prices(version, Decimal(percent))
    month = _months_later(month_start(at, ZONE, months_back=0), MONTHS_AHEAD[starts])
    act = PublishVersion(
        version_id=version.pk,
        audience=change["audience"],
        effective_from=datetime.combine(month, datetime.min.time(), ZONE),
    )
    request = perform(act, by=requester(FINANCE), at=at, reason=change["note"])
    if is_approved and isinstance(request, ApprovalRequest):
        approve(request_id=request.pk, by=staff(APPROVER), at=at, decision="Agreed with sales.")


def _raise_prices(version: PlanVersion, percent: Decimal) -> None:
    for fee in Fee.objects.filter(version=version):
        fee.amount = change_by_percent(fee.amount.amount, percent, step=STEPS["fee"])
        fee.save(update_fields=["amount"])
    for rate in Rate.objects.filter(price__plan_feature__version=version):
        if rate.unit_price is not None:
            rate.unit_price = change_by_percent(rate.unit_price, percent, step=STEPS["rate"])
            rate.save(update_fields=["unit_price"])


def _months_later(month: date, months: int) -> date:
    years, index = divmod(month.month - 1 + months, 12)
    return date(month.year + years, index + 1, 1)
