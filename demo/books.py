"""The demo's books: its chart of accounts, locked months, and accounting files."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal

from billing.job_kinds import KINDS
from billing.jobs.worker import work
from billing.models import Account, AccountingTarget, AccountMapping, ExportBatch, Job, OpeningBalance
from billing.models.accounting_files import Target
from billing.models.jobs import JobState
from billing.models.postings import Role
from billing.revenue.accounting_files.job import start_export
from billing.revenue.accruals.accrual_run import accrue_all
from billing.revenue.month_end import lock_checked_month
from customers.models import Seller
from invoices.models import MonthLock

OPENING_CASH = Decimal(18_400)
"""The balance with which the books of the European seller begin, in its currency."""

EUROPEAN = "lumenfold-eu"
FILES = (("lumenfold-us", Target.QUICKBOOKS), (EUROPEAN, Target.DATEV))
"""The accounting files of the last locked month."""

NEW_TARGET = ("lumenfold-us", Target.NETSUITE)
UNMAPPED_ROLE = Role.BREAKAGE
"""A target that finance has just added: one role has no account there yet, so its files are refused with a list."""

XERO_TAX = {"tax_key": "Tax Exempt"}
"""Xero's journals name a tax rate on each line, which DATEV would take for a BU key."""

DATEV = {"consultant": 1001, "client": 1, "chart": "04"}


def open_books(month: date, *, accounts: Iterable[Mapping[str, str]]) -> None:
    """
    Map every role of all sellers from a month on, set up all targets but the new one, and enter an opening balance.
    """
    for seller in Seller.objects.all():
        for facts in accounts:
            fields = dict(facts)
            role = fields.pop("role")
            for target, further in (("", {}), (Target.XERO, XERO_TAX)):
                account = Account.objects.create(seller=seller, target=target, **fields, **further)
                for mapped in _mapped_targets(seller, role, target):
                    AccountMapping.objects.create(
                        seller=seller, target=mapped, role=role, account=account, from_month=month
                    )
        for target in Target.values:
            if (seller.code, target) == NEW_TARGET:
                continue
            settings = DATEV if target == Target.DATEV else {}
            AccountingTarget.objects.create(seller=seller, target=target, **settings)
    seller = Seller.objects.get(code=EUROPEAN)
    OpeningBalance.objects.create(
        seller=seller, month=month, currency=seller.currency, role=Role.CASH, amount=OPENING_CASH
    )


def _mapped_targets(seller: Seller, role: str, target: str) -> list[str]:
    """Return the targets of a mapping: all at once, except for the role that the new target lacks."""
    if (seller.code, role) != (NEW_TARGET[0], UNMAPPED_ROLE) or target:
        return [target]
    return [name for name in Target.values if name not in (NEW_TARGET[1], Target.XERO)]


def lock(month: date, *, at: datetime) -> None:
    """Lock a month of all sellers."""
    for seller in Seller.objects.order_by("pk"):
        lock_checked_month(seller=seller, month=month, note="Reviewed by finance.", by=None, at=at)
    _work(at)


def make_files(month: date, *, at: datetime) -> int:
    """
    Accrue the revenue of open months, make the accounting files of a locked one unless there are any, and return the
    number of files.

    Those of the new target are refused: the job lists the amounts without an account.
    """
    accrue_all(at=at)
    if ExportBatch.objects.exists() or not MonthLock.objects.filter(month=month).exists():
        return 0
    for code, target in FILES:
        start_export(month=month, seller=Seller.objects.get(code=code), target=target, by=None, at=at)
    _work(at)
    code, new_target = NEW_TARGET
    seller = Seller.objects.get(code=code)
    AccountingTarget.objects.create(seller=seller, target=new_target)
    start_export(month=month, seller=seller, target=new_target, by=None, at=at)
    work(kinds=KINDS, clock=lambda: at)
    return ExportBatch.objects.count()


def _work(at: datetime) -> None:
    """Process the jobs that were started, as the workers would."""
    work(kinds=KINDS, clock=lambda: at)
    if failed := Job.objects.exclude(state=JobState.DONE).first():
        raise AssertionError(f"{failed} failed: {failed.error or failed.figures}")
