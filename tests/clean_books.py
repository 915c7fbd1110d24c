"""Check the books at the end of a test, by the audit and the oracle together or by their checks of its subjects."""

from collections.abc import Callable, Iterator, Sequence

import pytest

from billing.audit import CHECKS, Check, audit
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
from billing.audit.usage import events
from tests import oracle
from tests.oracle import amounts
from tests.oracle.amounts import included_credits, purchases
from tests.oracle.records import (
    access,
    credit_notes,
    invoice_sections,
    limits,
    plan_migrations,
    schema,
)
from tests.oracle.records import catalog as catalog_rules
from tests.oracle.records import invoices as invoice_rules
from tests.oracle.records import payments as payment_rules
from tests.oracle.records import subscriptions as subscription_rules
from tests.oracle.usage import events as usage_rules

ALL_CHECKS: tuple[Check, ...] = (*CHECKS, *oracle.CHECKS)

SUBJECTS: dict[str, tuple[Check, ...]] = {
    "schema": (*schema_checks.CHECKS, *schema.CHECKS, *history.CHECKS),
    "catalog": (*catalog.CHECKS, *catalog_rules.CHECKS),
    "subscriptions": (*subscriptions.CHECKS, *subscription_rules.CHECKS, *plan_migrations.CHECKS),
    "usage": (*events.CHECKS, *usage_rules.CHECKS),
    "invoices": (
        *(*invoices.CHECKS, *invoice_numbers.CHECKS, *amounts.CHECKS),
        *(*invoice_rules.CHECKS, *invoice_sections.CHECKS, *credit_notes.CHECKS),
    ),
    "payments": (*payments.CHECKS, *bank_statements.CHECKS, *payment_rules.CHECKS),
    "wallets": (*wallets.CHECKS, *grants.CHECKS, *included_credits.CHECKS, *purchases.CHECKS),
    "limits": limits.CHECKS,
    "jobs": jobs.CHECKS,
    "revenue": (*mrr.CHECKS, *revenue.CHECKS, *role_balances.CHECKS, *accruals.CHECKS, *accounting_files.CHECKS),
    "access": (*audit_log.CHECKS, *notifications.CHECKS, *access.CHECKS),
}
"""The checks by the part of the product that they are about."""


class BooksNotClean(AssertionError):
    """A check found an error in the books; the text lists the first rows."""


def assert_clean(*subjects: str, names: Sequence[str] = ()) -> None:
    """
    Run the checks of these subjects, or those of these names; without either, all of them.

    :raises BooksNotClean: if a check finds anything, with the first rows of each.
    """
    checks = [check for subject in subjects for check in SUBJECTS[subject]] or ALL_CHECKS
    violated = [finding for finding in audit(only=names, checks=checks) if finding.is_violated]
    if violated:
        raise BooksNotClean(
            "\n".join(f"{finding.check.name} ({finding.check.reference}): {finding.rows[:3]}" for finding in violated)
        )


def clean_after_test(*subjects: str) -> Callable[..., Iterator[None]]:
    """Return a `clean_books` fixture for a module: it runs the checks of these subjects after each test."""

    @pytest.fixture(name="clean_books")
    def check_after_test(db: None) -> Iterator[None]:
        yield
        assert_clean(*subjects)

    return check_after_test
