"""A statement lists a wallet's transactions by section, as JSON, CSV, a page and a PDF."""

import csv
from datetime import timedelta
from decimal import Decimal as D
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.api.calls import Caller, faults, problem
from tests.builders import FEB, JAN, make_customer, make_feature
from tests.docs_tables import rows
from wallets.ledger.adjustments import refund, transfer, void
from wallets.ledger.expiry import expire
from wallets.ledger.grant import Grant, grant
from wallets.ledger.spend import spend
from wallets.models import Movement, Wallet
from wallets.statements.files import as_csv, as_pdf, compose
from wallets.statements.ledger_sums import read_statement
from wallets.statements.totals import SECTIONS

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
SPAN = {"since": JAN, "until": FEB}


@pytest.fixture
def wallet():
    """Create the January of the wallet in docs/wallets.md."""
    customer = make_customer("acme", legal_name="Acme Ltd", locale="en_US")
    wallet = Wallet.objects.create(customer=customer, name="Main", at_zero="grace", grace=100)
    other = Wallet.objects.create(customer=customer, name="Other")
    images, chat = make_feature("images"), make_feature("=chat")
    before = Grant("purchased", D(100), "before", cost=D(90))
    short = Grant("promotional", D(30), "short", expires_at=JAN + 5 * DAY, rolls_over=1, rollover_most=D(10))
    grant(wallet_id=wallet.pk, grants=[before], at=JAN - DAY)
    grant(wallet_id=wallet.pk, grants=[short], at=JAN + DAY)
    spend(wallet_id=wallet.pk, amount=D(12), reference="i", feature_id=images.pk, at=JAN + 2 * DAY)
    expire(wallet_id=wallet.pk, at=JAN + 6 * DAY, grace_period=timedelta(0))
    spend(wallet_id=wallet.pk, amount=D(40), reference="c", feature_id=chat.pk, at=JAN + 7 * DAY)
    paid = {"lot_id": wallet.lots.get(source="before").pk, "reason": "asked", "at": JAN + 7 * DAY}
    refund(**paid, amount=D(10), reference="r")
    void(**paid, amount=D(5), reference="v")
    transfer(from_id=wallet.pk, to_id=other.pk, amount=D(3), reference="t", reason="x", at=JAN + 8 * DAY)
    spend(wallet_id=wallet.pk, amount=D(80), reference="more", at=JAN + 9 * DAY)
    grant(wallet_id=wallet.pk, grants=[Grant("bonus", D(50), "bonus", cost=D(25))], at=JAN + 10 * DAY)
    spend(wallet_id=wallet.pk, amount=D(1), reference="after", at=FEB + DAY)
    wallet.refresh_from_db()
    return wallet


def test_it_equals_the_example_of_the_docs(wallet):
    statement = read_statement(wallet, **SPAN)
    statement_rows = [("opening", "", statement.opening, statement.opening_cost)]
    statement_rows += [(line.section.value, line.name, line.units, line.money) for line in statement.lines]
    statement_rows += [("closing", "", statement.closing, statement.closing_cost)]
    documented = [
        (row["section"], row["of"], D(row["units"]), D(row["cost"])) for row in rows("wallets.md", "Statements")
    ]
    assert statement_rows == documented


def test_every_kind_of_transaction_has_a_section():
    assert set(SECTIONS) == set(Movement.values)


def test_it_is_a_csv_that_adds_up_and_has_no_formula(wallet):
    lines = list(csv.DictReader(StringIO("".join(as_csv(wallet, read_statement(wallet, **SPAN))))))
    assert sum(D(line["units"]) for line in lines[:-1]) == D(lines[-1]["units"])
    assert "'=chat" in {line["description"] for line in lines}


def test_it_is_a_pdf_with_equal_bytes_each_time(wallet):
    statement = read_statement(wallet, **SPAN)
    first, repeated = (as_pdf(wallet, statement, **SPAN) for _ in range(2))
    assert first.startswith(b"%PDF-1.7")
    assert first == repeated


LANGUAGES = [
    # locale  title
    ("de_DE", "Auszug von Main"),
    ("es_ES", "Extracto de Main"),
    ("fr_FR", "Relevé de Main"),
    ("it_IT", "Estratto di Main"),
    ("nl_NL", "Overzicht van Main"),
    ("ja_JP", "Statement of Main"),
]


@pytest.mark.parametrize(("locale", "title"), LANGUAGES)
def test_it_is_in_the_customers_language(wallet, locale, title):
    wallet.customer.locale = locale
    text = compose(wallet, read_statement(wallet, **SPAN), **SPAN)
    assert text.title == title
    assert [row.is_sum for row in text.rows[:1] + text.rows[-1:]] == [True, True]


def test_it_is_available_over_http(wallet):
    caller, path = Caller(), f"/wallets/{wallet.pk}/statement"
    span = {"since": JAN.isoformat(), "until": FEB.isoformat()}
    payload = caller.get(path, **span).json()
    assert D(payload["opening"]) + sum(D(line["units"]) for line in payload["lines"]) == D(payload["closing"])
    assert caller.get(path).status_code == 200
    assert b"".join(caller.get(f"{path}.csv", **span).streaming_content).startswith(b"kind,description,units")
    assert caller.get(f"{path}.pdf", **span).content.startswith(b"%PDF")
    assert faults(caller.get(path, since=FEB.isoformat(), until=JAN.isoformat())) == {"until": "invalid"}
    assert faults(caller.get(path, since="yesterday")) == {"since": "format"}
    assert faults(caller.get(path, form="x")) == {"form": "unknown"}
    for kind in ("", ".csv", ".pdf"):
        problem(Caller(sandbox=True).get(f"{path}{kind}"), 404, "not-found")


def test_it_is_a_page_of_the_admin(wallet, django_assert_max_num_queries):
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    address = f"/admin/wallets/wallet/{wallet.pk}/statement/?since=2026-01-01&until=2026-01-31"
    with django_assert_max_num_queries(12):
        text = client.get(address).content.decode()
    for label in ("Used: images", "Granted: promotional", "Rolled over", "Opening balance", "Closing balance"):
        assert label in text, label
    assert client.get(f"{address}&as=pdf").content.startswith(b"%PDF")
    assert b"".join(client.get(f"{address}&as=csv").streaming_content).startswith(b"kind,description")
    error_response = client.get(f"/admin/wallets/wallet/{wallet.pk}/statement/?since=2026-02-01&until=2026-01-31")
    assert "The end must not be before the start" in error_response.content.decode()
