"""The theme's settings: names and colors. The settings import this module, so it must not import models."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

BLUE = {
    "50": "oklch(97.0% .014 254.6)",
    "100": "oklch(93.2% .032 255.6)",
    "200": "oklch(88.2% .059 254.1)",
    "300": "oklch(80.9% .095 251.8)",
    "400": "oklch(70.7% .135 254.6)",
    "500": "oklch(60.3% .150 257.8)",
    "600": "oklch(51.6% .153 259.5)",
    "700": "oklch(45.3% .140 260.4)",
    "800": "oklch(39.4% .112 261.6)",
    "900": "oklch(34.9% .088 262.0)",
    "950": "oklch(26.3% .065 263.2)",
}


def environment(request: HttpRequest) -> list[str] | None:
    """Return the badge of an installation that is not in production."""
    return None if settings.PRODUCTION else [str(_("Development")), "info"]


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Tollbook",
    "SITE_HEADER": "Tollbook",
    "SITE_SUBHEADER": _("Usage-based billing"),
    "SITE_SYMBOL": "receipt_long",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("staff/favicon.svg")},
    ],
    "SITE_URL": None,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "ENVIRONMENT": "config.admin_site.theme.environment",
    "DASHBOARD_CALLBACK": "billing.admin.dashboard.context",
    "STYLES": [lambda request: static("staff/staff.css")],
    "SCRIPTS": [lambda request: static("staff/staff.js"), lambda request: static("staff/command.js")],
    "ACCOUNT": {
        "navigation": [
            {"title": _("Second factor"), "link": reverse_lazy("mfa_index")},
            {"title": _("Sessions"), "link": reverse_lazy("usersessions_list")},
        ]
    },
    "COLORS": {"primary": BLUE},
}
