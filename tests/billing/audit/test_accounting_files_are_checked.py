"""The audit finds a changed file, a gap in the numbers of parts and entries, and a posting in two files."""

import pytest
from django.db import connection

from billing.audit.records.accounting_files import CHECKS
from tests.billing.audit.accounting_books import export_books
from tests.owner_rights import past_triggers

pytestmark = pytest.mark.django_db
FILES, ONCE, PARTS, NUMBERED = (check.name for check in CHECKS)
CHANGES = [
    ("UPDATE billing_exportpart SET content = content || 'x'", {FILES}),
    ("UPDATE billing_exportpart SET number = number + 1, content = 'x'", {FILES, PARTS}),
    ("UPDATE billing_exportpart SET number = number + 1", {PARTS}),
    ("UPDATE billing_exportfile SET name = 'other.csv'", {FILES}),
    ("UPDATE billing_exportfile SET size = size + 1", {FILES}),
    ("UPDATE billing_exportfile SET number = number + 1", {FILES}),
    ("UPDATE billing_exportfile SET sha256 = repeat('0', 64)", {FILES}),
    ("UPDATE billing_exportbatch SET sha256 = repeat('0', 64)", {FILES}),
    ("UPDATE billing_exportbatch SET digest = repeat('0', 64)", {FILES}),
    ("UPDATE billing_exportbatch SET rows = rows || (rows -> 0)", {FILES, ONCE}),
    ("UPDATE billing_exportbatch SET first_number = first_number + 9 WHERE first_number > 1", {NUMBERED}),
    ("UPDATE billing_posting SET amount = amount + 1", {ONCE}),
]


@pytest.mark.parametrize(("statement", "names"), CHANGES)
def test_a_change_is_found(statement, names):
    export_books()
    assert found() == set()
    with past_triggers(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert found() == names


def found():
    return {check.name for check in CHECKS if check.run(None).is_violated}
