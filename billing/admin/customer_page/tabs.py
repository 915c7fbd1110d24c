"""The tabs of the customer page."""

from django.db.models import TextChoices
from django.http import HttpRequest
from django.utils.translation import gettext_lazy


class CustomerTab(TextChoices):
    """The tabs; the first is shown if the address names none."""

    OVERVIEW = "overview", gettext_lazy("Overview")
    USAGE = "usage", gettext_lazy("Usage")
    INVOICES = "invoices", gettext_lazy("Invoices")
    WALLET = "wallet", gettext_lazy("Wallet")
    TERMS = "terms", gettext_lazy("Terms")
    ACTIVITY = "activity", gettext_lazy("Activity")
    SETTINGS = "settings", gettext_lazy("Settings")


def chosen_tab(request: HttpRequest) -> CustomerTab:
    """Return the tab that an address names; a form is sent to the settings, whatever the address says."""
    if request.method == "POST":
        return CustomerTab.SETTINGS
    name = request.GET.get("tab", "")
    return CustomerTab(name) if name in CustomerTab.values else CustomerTab.OVERVIEW
