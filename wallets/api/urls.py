"""Addresses of the API's wallets, and of what is paid."""

from django.urls import path

from wallets.api.payments import PaymentsView

urlpatterns = [
    path("invoices/<int:invoice>/payments", PaymentsView.as_view(), name="payments"),
]
