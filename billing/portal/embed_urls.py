from django.urls import path

from billing.portal.embedded_pages import embedded_balance, embedded_portal, embedded_usage

urlpatterns = [
    path("usage", embedded_usage, name="embedded_usage"),
    path("balance", embedded_balance, name="embedded_balance"),
    path("portal/", embedded_portal, {"path": ""}, name="embedded_portal"),
    path("portal/<path:path>", embedded_portal, name="embedded_portal_page"),
]
