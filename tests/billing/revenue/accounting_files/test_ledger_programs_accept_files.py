"""The programs themselves read what is written for them. Each runs in a process of its own; nothing imports it."""

import shutil
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from billing.revenue.accounting_files.formats.journal import LedgerAccount
from tests.billing.revenue.accounting_files.entry_samples import make_book, make_entry, write

ASSETS, INCOME = LedgerAccount("1200", "Assets:Forderungen-Ü", 'center "A" \\'), LedgerAccount("4400", "Income:Usage")
BEAN_CHECK = Path(sys.executable).with_name("bean-check")


def _entries(count):
    return [
        make_entry(number, (ASSETS, "12.34"), (INCOME, "-12.34"), narration=f'Line "{number}" \\ | ; 🚀')
        for number in range(1, count + 1)
    ]


@pytest.mark.skipif(not BEAN_CHECK.exists(), reason="beancount is not installed: run bin/setup dev")
def test_beancount_accepts_a_ledger_of_several_batches(tmp_path):
    january = make_book(new_accounts=(ASSETS, INCOME))
    february = make_book(label="TB-2026-01-002", new_accounts=(LedgerAccount("", "Income:Breakage"),))
    later = [make_entry(3, (ASSETS, "1"), (LedgerAccount("", "Income:Breakage"), "-1"))]
    files = write("beancount", _entries(2), january) | write("beancount", later, february)
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    ledger = tmp_path / "all.beancount"
    ledger.write_text("".join(f'include "{name}"\n' for name in files))
    _run([str(BEAN_CHECK), str(ledger)])


@pytest.mark.skipif(not shutil.which("hledger"), reason="hledger is not installed: apt-get install hledger")
def test_hledger_accepts_a_journal_and_sums_it(tmp_path):
    ((name, content),) = write("hledger", _entries(3)).items()
    (tmp_path / name).write_bytes(content)
    _run(["hledger", "-f", str(tmp_path / name), "check", "ordereddates"])
    balance = _run(["hledger", "-f", str(tmp_path / name), "balance", "-N", "-O", "csv"])
    assert f'"{ASSETS.name}","EUR {3 * Decimal("12.34")}"' in balance


def _run(command):
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
