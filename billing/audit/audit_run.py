"""Run the integrity checks."""

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from django.db import connection, transaction

from billing.audit.amounts import included_credits
from billing.audit.check import Check, Finding
from billing.audit.records import (
    alerts,
    api_keys,
    auto_topups,
    catalog,
    credit_notes,
    customer_balances,
    history,
    invoice_numbers,
    invoice_sections,
    invoices,
    jobs,
    notifications,
    payments,
    plan_migrations,
    purchases,
    reservations,
    sandbox,
    schema_checks,
    simulations,
    subscriptions,
    wallets,
)
from billing.audit.shared_reads import Books
from billing.audit.usage import events
from plans.catalog.stored_terms import clear_terms_cache

CHECKS: tuple[Check, ...] = (
    *schema_checks.CHECKS,
    *history.CHECKS,
    *catalog.CHECKS,
    *subscriptions.CHECKS,
    *events.CHECKS,
    *wallets.CHECKS,
    *reservations.CHECKS,
    *alerts.CHECKS,
    *included_credits.CHECKS,
    *invoices.CHECKS,
    *invoice_sections.CHECKS,
    *credit_notes.CHECKS,
    *invoice_numbers.CHECKS,
    *payments.CHECKS,
    *customer_balances.CHECKS,
    *purchases.CHECKS,
    *auto_topups.CHECKS,
    *api_keys.CHECKS,
    *jobs.CHECKS,
    *plan_migrations.CHECKS,
    *simulations.CHECKS,
    *notifications.CHECKS,
    *sandbox.CHECKS,
)


LONG_READ_SETTINGS = "SET LOCAL work_mem = '128MB'; SET LOCAL jit = off; SET LOCAL statement_timeout = 0"


class UnknownCheck(ValueError):
    """No check has this name."""


class AuditFailed(AssertionError):
    """A check found an error in the books; the text lists the first rows."""


def audit(*, only: Collection[str] = (), report: Callable[[Finding], None] = lambda finding: None) -> list[Finding]:
    """
    Run the checks on one snapshot of the books, and return a finding per check.

    only: names of checks; all checks when empty. report: called after each check.

    :raises UnknownCheck: if no check has one of the names.
    """
    if unknown := set(only) - {check.name for check in CHECKS}:
        raise UnknownCheck(f"“{sorted(unknown)[0]}” is not a check; `manage.py audit --list` names them all.")
    findings = []
    with _snapshot():
        # The cached terms may be older, or newer, than the snapshot.
        clear_terms_cache()
        books = Books()
        for check in CHECKS:
            if not only or check.name in only:
                started = time.monotonic()
                finding = check.run(books)
                finding.seconds = time.monotonic() - started
                report(finding)
                findings.append(finding)
    return findings


def assert_clean(*, only: Collection[str] = ()) -> None:
    """:raises AuditFailed: if a check finds anything, with the first rows of each."""
    violated = [finding for finding in audit(only=only) if finding.is_violated]
    if violated:
        raise AuditFailed(
            "\n".join(f"{finding.check.name} ({finding.check.reference}): {finding.rows[:3]}" for finding in violated)
        )


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
