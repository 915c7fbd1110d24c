"""A wallet's page says how long it lasts, and folds its activity into days and weeks."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from tests.builders import make_wallet
from tests.portal.accounts import FEB, TODAY
from wallets.ledger.daily_movements import DailyMovement
from wallets.ledger.grant import Grant, grant
from wallets.ledger.spend import spend
from wallets.models.ledger import Movement
from wallets.portal.activity import fold_movements

DAY = timedelta(days=1)
THURSDAY = date(2026, 11, 26)


def used(day: date, units: str, kind: Movement = Movement.SPEND) -> DailyMovement:
    return DailyMovement(day, kind, Decimal(units))


def test_usage_is_folded_into_days_and_weeks():
    days = [THURSDAY - DAY * back for back in range(12)]
    movements = [used(day, "-10") for day in days]
    movements.insert(5, used(days[5], "2", Movement.GIVE_BACK))
    movements.insert(3, used(days[2], "500", Movement.GRANT))

    rows = fold_movements(movements, today=THURSDAY)

    assert [(row.kind, row.first, row.last, row.units) for row in rows] == [
        ("spend", THURSDAY, THURSDAY, -10),
        ("spend", date(2026, 11, 25), date(2026, 11, 25), -10),
        ("spend", date(2026, 11, 24), date(2026, 11, 24), -10),
        ("grant", date(2026, 11, 24), date(2026, 11, 24), 500),
        ("spend", date(2026, 11, 23), date(2026, 11, 23), -10),
        ("spend", date(2026, 11, 16), date(2026, 11, 22), -68),
        ("spend", date(2026, 11, 15), date(2026, 11, 15), -10),
    ]
    week = rows[5]
    assert sum(week.days.values()) == week.units
    assert week.days[date(2026, 11, 21)] == -8, "usage that was corrected is taken off its day"


def spend_daily(wallet, days: int, units: int) -> None:
    for back in reversed(range(days)):
        at = TODAY - DAY * back - timedelta(hours=1)
        spend(wallet_id=wallet.pk, amount=Decimal(units), reference=f"day-{back}", used_at=at, at=at)


@pytest.mark.django_db
def test_a_wallet_in_use_says_how_long_it_lasts(own):
    wallet = make_wallet(own.customer, name="Images")
    grant(wallet_id=wallet.pk, grants=[Grant("purchased", Decimal(500), "pack")], at=FEB)
    spend_daily(wallet, 7, 10)

    page = own.client().get(f"/portal/wallets/{wallet.pk}").content.decode()

    assert "Lasts until about March 25, at about 10 credits a day." in page
    assert "Balance on" in page
    assert "Lasts until about" in own.client().get("/portal/").content.decode()


@pytest.mark.django_db
def test_nothing_is_said_without_a_basis(own):
    wallet = make_wallet(own.customer, name="Images")
    grant(wallet_id=wallet.pk, grants=[Grant("purchased", Decimal(500), "pack")], at=TODAY - DAY)
    spend_daily(wallet, 1, 10)

    assert b"Lasts until" not in own.client().get(f"/portal/wallets/{wallet.pk}").content


@pytest.mark.django_db
def test_older_weeks_are_on_the_next_page(own):
    client = own.client()
    page = client.get(f"/portal/wallets/{own.wallet.pk}")
    assert page.context["more"] == ""
    later = client.get(f"/portal/wallets/{own.wallet.pk}?before=2025-11-03")
    assert later.status_code == 200
    assert later.context["activity"] == []
    assert client.get(f"/portal/wallets/{own.wallet.pk}?before=nonsense").status_code == 200


@pytest.mark.django_db
def test_who_has_nothing_on_sale_is_told_whom_to_ask(own):
    wallet = make_wallet(own.customer, name="Euro", unit="EUR", currency="EUR")
    own.customer.seller.email = "billing@seller.example"
    own.customer.seller.save(update_fields=["email"])

    page = own.client().get(f"/portal/wallets/{wallet.pk}").content.decode()

    assert "mailto:billing@seller.example" in page
    assert "Auto top-up" not in page
