"""A wallet's page, with the way to the usage that it has paid."""

from collections.abc import Iterable

from django.contrib import admin
from django.urls import reverse

from billing.admin.closing.service_days import span_of
from billing.models import Drawdown
from wallets.admin.wallet_page import Link
from wallets.admin.wallets import WalletAdmin
from wallets.models import Wallet


@admin.register(Wallet)
class PayingWalletAdmin(WalletAdmin):
    def links_of(self, draws: Iterable[int]) -> dict[int, Link]:
        """Return the period in which each draw's usage was counted."""
        found = Drawdown.objects.filter(pk__in=list(draws)).select_related("period__subscription__customer")
        return {
            one.pk: Link(span_of(one.period), reverse("admin:billing_period_change", args=[one.period_id]))
            for one in found
        }
