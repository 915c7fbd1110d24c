"""A manual grant that would never be valid is refused, and the refusal names the field."""

from datetime import UTC, datetime
from decimal import Decimal as D

import pytest

from tests.builders import FEB, MAR, make_wallet
from tests.docs_tables import rows
from wallets.ledger.errors import LedgerRefused
from wallets.ledger.grant import Grant
from wallets.models import Lot
from wallets.operations.manual_grants import grant_manually

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 1, 10, 12, tzinfo=UTC)


def moment(text):
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=UTC) if text else None


@pytest.mark.parametrize("row", rows("wallets.md", "Validity of grants"), ids=lambda row: row["why"])
def test_a_grant_has_the_answer_of_the_docs(row):
    wallet = make_wallet()
    grant = Grant("bonus", D(5), "gift", valid_from=moment(row["starts"]), expires_at=moment(row["expires"]))
    if row["answer"] == "granted":
        assert grant_manually(wallet=wallet, terms=grant, at=NOON).expires_at == grant.expires_at
        return
    with pytest.raises(LedgerRefused) as refusal:
        grant_manually(wallet=wallet, terms=grant, at=NOON)
    assert refusal.value.field == "expires_at"
    assert not Lot.objects.exists()


def test_a_request_repeated_after_the_expiry_returns_its_lot():
    wallet = make_wallet()
    grant = Grant("bonus", D(5), "gift", valid_from=NOON, expires_at=FEB)
    lots = [grant_manually(wallet=wallet, terms=grant, at=at).pk for at in (NOON, MAR)]
    assert lots[0] == lots[1]
