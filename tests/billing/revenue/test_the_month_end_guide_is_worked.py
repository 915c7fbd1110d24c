"""The worked month and the commands of docs/runbook-month-end.md are what the code does."""

import re
import shlex
from collections import defaultdict
from datetime import date
from decimal import Decimal as D
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from billing.admin.closing.seller_month import POINT_TEXTS
from billing.job_kinds import KINDS
from billing.jobs.worker import work
from billing.models import ExportBatch
from billing.revenue.month_end import lock_checked_month
from invoices.credit_notes import RequestedCredit, issue_credit_note
from invoices.documents.locked_months import unlock_month
from invoices.models import MonthLock
from tests.billing.revenue.accounting_files.account_builders import JANUARY, make, map_all_roles
from tests.billing.revenue.book_setup import issue_invoice, line, moment
from tests.builders import make_customer, make_seller
from tests.docs_tables import DOCS, rows

pytestmark = pytest.mark.django_db
PAGE = "runbook-month-end.md"
FEBRUARY = date(2026, 2, 1)
COMMANDS = re.findall(r"^manage\.py (.+)$", (DOCS / PAGE).read_text(encoding="utf-8"), re.MULTILINE)


@pytest.fixture
def seller(tmp_path, monkeypatch):
    """Begin the books with cash, by the command of the guide."""
    seller = make_seller()
    map_all_roles(seller)
    (tmp_path / "balances.csv").write_text("currency,role,amount\nUSD,cash,500\n")
    monkeypatch.chdir(tmp_path)
    run(next(command for command in COMMANDS if command.startswith("import_opening_balances")))
    return seller


def run(command: str) -> str:
    out = StringIO()
    call_command(*shlex.split(command), stdout=out)
    return out.getvalue()


def lock(seller, month, at):
    lock_checked_month(seller=seller, month=month, note="", by=None, at=moment(at))
    work(kinds=KINDS, clock=lambda: moment(at))


def sums(batch: ExportBatch) -> dict[str, D]:
    amounts: dict[str, D] = defaultdict(D)
    for row in batch.rows:
        amounts[row["debit_role"]] += D(row["amount"])
        amounts[row["credit_role"]] -= D(row["amount"])
    return amounts


def test_the_worked_month(seller):
    customer = make_customer("acme", seller=seller)
    quarter = issue_invoice(customer, [line("90", "2026-01-01", "2026-04-01")], at="2026-01-05", currency="USD")
    batches = {"provisional": make(seller, is_provisional=True, at=moment("2026-02-02"))}
    lock(seller, JANUARY, "2026-02-03")
    batches["first lock"] = make(seller, at=moment("2026-02-03"))
    unlock_month(
        lock_id=MonthLock.objects.get().pk, reason="An invoice is missing.", by=None, at=moment("2026-02-04")
    )
    issue_invoice(customer, [line("10", "2026-01-31", "2026-02-01")], at="2026-01-31", currency="USD")
    lock(seller, JANUARY, "2026-02-04")
    batches["second lock"] = make(seller, at=moment("2026-02-04"))
    issue_credit_note(
        invoice_id=quarter.pk,
        lines=[RequestedCredit(1, D(45))],
        reason="Late delivery.",
        to="offset",
        at=moment("2026-02-10"),
    )
    lock(seller, FEBRUARY, "2026-03-03")
    batches["February"] = make(seller, month=FEBRUARY, at=moment("2026-03-03"))
    table = rows(PAGE, "Worked month")
    assert [row["step"] for row in table] == list(batches)
    for row in table:
        batch = batches[row.pop("step")]
        amounts = sums(batch)
        assert row == {"file": batch.label} | {role: f"{amounts[role]:.2f}" for role in row if role != "file"}
        assert sum(amounts.values()) == 0


def test_each_command_of_the_guide_runs(seller):
    issue_invoice(
        make_customer("acme", seller=seller),
        [line("90", "2026-01-01", "2026-04-01")],
        at="2026-01-05",
        currency="USD",
    )
    final, *others = sorted(COMMANDS, key=lambda command: "--provisional" in command or "export" not in command)
    assert final.startswith("export_books")
    for command in others:
        if not command.startswith("audit"):  # it has tests of its own, and needs minutes
            run(command)
    assert ExportBatch.objects.get().label == "PROVISIONAL-2026-01-USD"
    with pytest.raises(CommandError, match="1 jobs failed"):
        run(final)
    lock(seller, JANUARY, "2026-02-03")
    assert "made" in run(final)


def test_the_steps_of_the_guide_are_the_points_of_the_checklist(seller):
    listed = {
        row["item"] for section in ("When a step is red", "When a step is amber") for row in rows(PAGE, section)
    }
    assert {str(title) for title, _note, _link in POINT_TEXTS.values()} <= listed
