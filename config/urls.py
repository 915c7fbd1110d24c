"""All URLs of the product except the health probes (config/health.py)."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from customers.api.problem_pages import problem_page

APIS = (
    *("billing.api.urls", "wallets.api.urls", "customers.api.urls", "plans.api.urls", "invoices.api.urls"),
    "access.api.urls",
)

PORTALS = ("customers.portal.urls", "invoices.portal.urls", "wallets.portal.urls", "billing.portal.urls")

urlpatterns: list[URLPattern | URLResolver] = [
    path("admin/account/", include("access.sign_in.urls")),  # before the admin, which takes all below admin/
    path("admin/", admin.site.urls),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
    path("problems/<slug:name>", problem_page, name="problem"),
    path("invoices/", include("invoices.rendering.urls")),
    path("pay/", include("invoices.payments.urls")),
    *(path("portal/", include(module)) for module in PORTALS),
    path("", include("billing.portal.frame_urls")),
    *(path("api/v1/", include(module)) for module in APIS),
]

handler403 = "config.error_pages.forbidden"
handler404 = "config.error_pages.not_found"
handler500 = "config.error_pages.server_error"
