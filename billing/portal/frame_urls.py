from django.urls import path

from billing.portal.embedded_pages import embedded_balance, embedded_portal, embedded_usage
from billing.portal.pricing_page import pricing

urlpatterns = [
    path("embed/<str:token>/usage", embedded_usage, name="embedded_usage"),
    path("embed/<str:token>/balance", embedded_balance, name="embedded_balance"),
    path("embed/<str:token>/portal/", embedded_portal, {"path": ""}, name="embedded_portal"),
    path("embed/<str:token>/portal/<path:path>", embedded_portal, name="embedded_portal_page"),
    path("pricing/<slug:seller>", pricing, name="pricing_page"),
]
