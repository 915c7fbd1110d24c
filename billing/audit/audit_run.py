"""Run the checks."""

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
from plans.catalog.stored_terms import forget_terms

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


FOR_LONG_READS = "SET LOCAL work_mem = '128MB'; SET LOCAL jit = off; SET LOCAL statement_timeout = 0"


class UnknownCheck(ValueError):
    """There is no check of this name."""


class Violated(AssertionError):
    """The books are wrong; the text says how."""


def audit(*, only: Collection[str] = (), report: Callable[[Finding], None] = lambda finding: None) -> list[Finding]:
    """
    Run the checks on the books as they are at one moment, and return what each of them found.

    only: names of checks; all of them when empty. report: called after each check.

    :raises UnknownCheck: if a name is none of a check's.
    """
    if unknown := set(only) - {check.name for check in CHECKS}:
        raise UnknownCheck(f"“{sorted(unknown)[0]}” is not a check; `manage.py audit --list` names them all.")
    found = []
    with _one_moment():
        # What this process remembers may be older, or younger, than what is stored.
        forget_terms()
        books = Books()
        for check in CHECKS:
            if not only or check.name in only:
                started = time.monotonic()
                finding = check.run(books)
                finding.seconds = time.monotonic() - started
                report(finding)
                found.append(finding)
    return found


def assert_clean(*, only: Collection[str] = ()) -> None:
    """:raises Violated: if a check finds anything, with the first rows of each."""
    violated = [finding for finding in audit(only=only) if finding.is_violated]
    if violated:
        raise Violated(
            "\n".join(f"{finding.check.name} ({finding.check.reference}): {finding.rows[:3]}" for finding in violated)
        )


@contextmanager
def _one_moment() -> Iterator[None]:
    """Let every check see the same state, whatever is written meanwhile; within a transaction, see that one's."""
    is_outermost = not connection.in_atomic_block
    with transaction.atomic():
        if is_outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                cursor.execute(FOR_LONG_READS)
        yield
