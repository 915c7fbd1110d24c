"""Run the integrity checks."""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager

from django.conf import settings
from django.db import connection, transaction
from django.utils.module_loading import import_string

from billing.audit.check import Check, Finding
from billing.audit.records import (
    accounting_files,
    accruals,
    audit_log,
    bank_statements,
    catalog,
    grants,
    history,
    invoice_numbers,
    invoices,
    jobs,
    mrr,
    notifications,
    payments,
    revenue,
    role_balances,
    schema_checks,
    subscriptions,
    wallets,
)
from billing.audit.shared_reads import Books
from billing.audit.usage import events
from plans.catalog.stored_terms import clear_terms_cache

CHECKS: tuple[Check, ...] = (
    *schema_checks.CHECKS,
    *history.CHECKS,
    *audit_log.CHECKS,
    *catalog.CHECKS,
    *subscriptions.CHECKS,
    *events.CHECKS,
    *wallets.CHECKS,
    *grants.CHECKS,
    *invoices.CHECKS,
    *invoice_numbers.CHECKS,
    *payments.CHECKS,
    *bank_statements.CHECKS,
    *revenue.CHECKS,
    *role_balances.CHECKS,
    *accruals.CHECKS,
    *jobs.CHECKS,
    *accounting_files.CHECKS,
    *mrr.CHECKS,
    *notifications.CHECKS,
)

LONG_READ_SETTINGS = "SET LOCAL work_mem = '128MB'; SET LOCAL jit = off; SET LOCAL statement_timeout = 0"


class UnknownCheck(ValueError):
    """No check has this name."""


class OracleNotInstalled(ImportError):
    """The module of the oracle's checks cannot be imported."""


def audit(
    *,
    only: Collection[str] = (),
    checks: Sequence[Check] = CHECKS,
    report: Callable[[Finding], None] = lambda finding: None,
) -> list[Finding]:
    """
    Run the checks on one snapshot of the books, and return a finding per check.

    only: names of checks; all checks when empty. report: called after each check.

    :raises UnknownCheck: if no check has one of the names.
    """
    if unknown := set(only) - {check.name for check in checks}:
        raise UnknownCheck(f"“{sorted(unknown)[0]}” is not a check; `manage.py audit --list` lists them.")
    findings = []
    with _snapshot():
        # The cached terms may be older, or newer, than the snapshot.
        clear_terms_cache()
        books = Books()
        for check in checks:
            if not only or check.name in only:
                started = time.monotonic()
                finding = check.run(books)
                finding.seconds = time.monotonic() - started
                report(finding)
                findings.append(finding)
    return findings


def oracle_checks() -> tuple[Check, ...]:
    """
    Return the checks that work amounts out a second time: docs/audit.md#oracle.

    :raises OracleNotInstalled: if the settings name none; the image ships without them.
    """
    try:
        checks: tuple[Check, ...] = import_string(settings.AUDIT_ORACLE)
    except ImportError as error:
        raise OracleNotInstalled(
            f"The oracle is not installed ({error}): copy the folder “tests” of this version's source beside"
            " manage.py, or set TOLLBOOK_AUDIT_ORACLE to the dotted path of its checks."
        ) from error
    return checks


@contextmanager
def _snapshot() -> Iterator[None]:
    """
    Let every check read the same snapshot, regardless of concurrent writes; inside a transaction, read its state.
    """
    is_outermost = not connection.in_atomic_block
    with transaction.atomic():
        if is_outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                cursor.execute(LONG_READ_SETTINGS)
        yield
