"""How long wallets last, in words; nothing where there is no basis."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.utils.translation import gettext

from customers.portal.visit import Visit
from invoices.portal.formats import PortalFigures
from lib.money import round_to
from wallets.credit_rules.runway import LotLeft, runs_out_at
from wallets.ledger.pace import read_paces
from wallets.models import Lot, Wallet
from wallets.statements.formats import display_currency

TEN, TENTH = Decimal(10), Decimal("0.1")


class Runway(NamedTuple):
    """When a wallet is used up at its pace of `per_day` units a day."""

    ends_at: datetime
    per_day: Decimal

    def text(self, wallet: Wallet, figures: PortalFigures, *, at: datetime) -> str:
        """Return the runway as a sentence; estimates look like estimates."""
        rounded = round_to(self.per_day, Decimal(1) if self.per_day >= TEN else TENTH)
        names = {
            "date": figures.near_day(self.ends_at, at=at),
            "amount": figures.in_currency(rounded or TENTH, display_currency(wallet.unit)),
        }
        return gettext("Lasts until about %(date)s, at about %(amount)s a day.") % names


def read_runways(visit: Visit, wallets: Sequence[Wallet]) -> dict[int, Runway]:
    """Return the runways of wallets, in two queries; wallets without usage lately, or without balance, have none."""
    ids = [wallet.pk for wallet in wallets if wallet.balance > 0]
    paces = read_paces(ids, at=visit.at) if ids else {}
    if not paces:
        return {}
    rows = visit.own_rows(Lot.objects.filter(wallet__in=paces, has_left=True), "wallet__customer")
    lots: dict[int, list[LotLeft]] = {}
    for wallet_id, remaining, expires_at in rows.values_list("wallet", "remaining", "expires_at"):
        if expires_at is None or expires_at > visit.at:
            lots.setdefault(wallet_id, []).append(LotLeft(remaining, expires_at))
    ends = {
        wallet_id: runs_out_at(lots.get(wallet_id, ()), per_day=pace, at=visit.at)
        for wallet_id, pace in paces.items()
    }
    return {wallet_id: Runway(end, paces[wallet_id]) for wallet_id, end in ends.items() if end is not None}
