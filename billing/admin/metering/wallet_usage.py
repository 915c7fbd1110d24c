"""On the wallet page: links to the usage that the wallet paid for."""

from collections.abc import Iterable

from billing.admin.closing.service_days import span_of
from billing.models import Drawdown
from lib.admin import page_url
from wallets.admin.wallet_page import Link
from wallets.admin.wallets import WalletAdmin


class WalletUsageLinks(WalletAdmin):
    """A part of the wallet page (config/admin_site/pages.py)."""

    def links_of(self, draws: Iterable[int]) -> dict[int, Link]:
        """Return the period in which the usage of each drawdown was counted."""
        drawdowns = Drawdown.objects.filter(pk__in=list(draws)).select_related("period__subscription__customer")
        return {drawdown.pk: Link(span_of(drawdown.period), page_url(drawdown.period)) for drawdown in drawdowns}
