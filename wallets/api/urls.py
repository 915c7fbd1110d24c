"""Addresses of the API's wallets."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
