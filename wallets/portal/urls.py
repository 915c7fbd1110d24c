from django.urls import path, register_converter

from wallets.portal.address_dates import DayConverter
from wallets.portal.auto_topup import auto_top_up, remove_auto_top_up
from wallets.portal.purchase import top_up
from wallets.portal.wallet_page import statement, wallet, wallets

register_converter(DayConverter, "day")

urlpatterns = [
    path("wallets", wallets, name="portal_wallets"),
    path("wallets/<int:number>", wallet, name="portal_wallet"),
    path("wallets/<int:number>/statements/<day:since>/<day:until>.<str:kind>", statement, name="portal_statement"),
    path("wallets/<int:number>/top-up", top_up, name="portal_top_up"),
    path("wallets/<int:number>/auto-top-up", auto_top_up, name="portal_auto_top_up"),
    path("wallets/<int:number>/auto-top-up/remove", remove_auto_top_up, name="portal_remove_auto_top_up"),
]
