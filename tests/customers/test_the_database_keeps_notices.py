"""Each promise of the tables of what is told, broken by raw SQL, is refused by the constraint that makes it."""

import pytest

from customers.notices import announce
from tests.builders import JAN, make_customer
from tests.refusals import named_constraints, refused_by

pytestmark = pytest.mark.django_db

COLUMNS = {"notice": ("kind", "customer_id", "facts", "key", "created_at")}


@pytest.fixture(autouse=True)
def told():
    announce(kind="alert.fired", customer_id=make_customer().pk, facts={"limit": "80"}, key="alert:1", at=JAN)


def again(table: str, **columns: str) -> str:
    """Insert a row once more, with other values in some columns."""
    names = COLUMNS[table]
    values = ", ".join(columns.get(name, name) for name in names)
    return f"INSERT INTO customers_{table} ({', '.join(names)}) SELECT {values} FROM customers_{table} LIMIT 1"  # noqa: S608


NEW = {"key": "'another'"}

CASES = [
    ("notice_is_made_once", again("notice")),
    ("notice_has_a_key", again("notice", key="''")),
    ("notice_kind_is_dotted_words", again("notice", **NEW, kind="'Alert fired'")),
    ("notice_facts_are_few", again("notice", **NEW, facts="'[]'")),
    ("notice_facts_are_few", again("notice", **NEW, facts="jsonb_build_object('x', repeat('x', 70000))")),
    ("pgtrigger", "UPDATE customers_notice SET kind = 'alert.recovered'"),
    ("pgtrigger", "DELETE FROM customers_notice"),
]

OLDER = {
    "external_id_names_one_customer",
    "grace_is_0_to_60_days",
    "idempotency_key_is_used_once",
    "key_has_a_scope",
    "late_usage_policy_is_known",
    "net_days_are_365_at_most",
    "secret_is_kept_hashed",
    "zero_invoice_policy_is_known",
}
"""What stands in the tables of parties and keys: refused through their forms and calls, and tested there."""


@pytest.mark.parametrize(("name", "statement"), CASES)
def test_a_broken_promise_is_refused(name: str, statement: str):
    assert refused_by(statement) == name


def test_every_promise_is_tested():
    assert named_constraints("customers") - OLDER <= {name for name, _ in CASES}
