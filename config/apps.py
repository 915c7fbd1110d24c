from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class PlatformConfig(AppConfig):
    """The wiring as an app, so that Django finds its commands and checks."""

    name = "config"
    label = "platform"

    def ready(self) -> None:
        from config import checks, database_checks  # noqa: F401 - importing them registers the checks


class AdminSiteConfig(AdminConfig):
    """Django's admin with our own site."""

    default_site = "config.admin_site.site.TollbookAdminSite"
