"""The wallet page."""

from django.contrib import admin

from billing.admin.metering.wallet_usage import WalletUsageLinks
from wallets.admin.wallets import WalletAdmin
from wallets.models import Wallet


@admin.register(Wallet)
class WalletPage(WalletUsageLinks, WalletAdmin):
    pass
