"""Operations that may need a second person are called by acts, and by what docs/approvals.md names."""

import ast

from config.paths import PROJECT
from tests.architecture.source import APPS, files

CALLERS = {
    # operation: modules that may name it
    "issue_credit_note": {
        "invoices/credit_notes/acts.py",
        "invoices/credit_notes/void.py",
        "wallets/purchases/purchase.py",  # cancels an unpaid purchase
    },
    "void_invoice": {"invoices/credit_notes/acts.py"},
    "write_off": {"invoices/payments/acts.py", "invoices/payments/dunning/dunning_run.py"},
    "pay_out_balance": {"invoices/payments/acts.py"},
    "record_payment": {
        "wallets/purchases/payment_receipt.py",
        "wallets/operations/invoice_payment.py",  # a wallet pays
        "invoices/payments/attempts/settlement.py",  # a provider reports
        "invoices/payments/bank_statements/bookings.py",  # called by the act below
    },
    "book_line": {"invoices/payments/bank_statements/acts.py"},
    "receive_payment": {
        "wallets/operations/acts.py",
        "wallets/auto_topup/settlement.py",  # a free top-up of the sandbox
    },
    "grant_manually": {"wallets/operations/acts.py"},
    "refund": {"wallets/operations/acts.py"},
    "override": {"billing/subscriptions/terms/acts.py"},
    "end_override": {"billing/subscriptions/terms/acts.py"},
    "set_commitment": {"billing/subscriptions/terms/acts.py"},
    "end_commitment": {"billing/subscriptions/terms/acts.py"},
    "unlock_month": {"invoices/documents/acts.py"},
    "do_for_real": {"billing/subscriptions/bulk_grants/act.py"},
    "publish_for": {"billing/subscriptions/plan_changes/acts.py"},
}


def calls_by_operation() -> dict[str, set[str]]:
    """Return operation → the modules of the product that call it; the demo writes history as its own author."""
    callers: dict[str, set[str]] = {name: set() for name in CALLERS}
    for path in files(*(app for app in APPS if app != "demo")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                called = node.func
                name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
                is_other = isinstance(called, ast.Attribute) and ast.unparse(called.value) not in ("subscriptions",)
                if name in callers and not is_other:
                    callers[name].add(str(path.relative_to(PROJECT)))
    return callers


def test_only_acts_and_named_automatic_callers_run_them():
    assert calls_by_operation() == CALLERS
