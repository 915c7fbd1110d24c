"""Django's `migrate`, which also installs the message queue if it is in our database."""

from functools import cache
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management.commands import migrate
from django.db import connections

from config import broker
from config.migration_autodetector import ColumnAutodetector


class Command(migrate.Command):
    autodetector = ColumnAutodetector

    def handle(self, *args: Any, **options: Any) -> None:
        # Each relation of a rendered model asks which setting replaces its target, and Django looks through all
        # models again: it forgets the answers whenever it renders one.
        apps.get_swappable_settings_name = cache(apps.get_swappable_settings_name)  # type: ignore[method-assign]
        super().handle(*args, **options)
        if settings.CELERY_BROKER_URL != broker.DEFAULT or options["plan"] or options["check_unapplied"]:
            return
        with connections[options["database"]].cursor() as cursor:
            installed = broker.install(cursor.connection.info.dsn)
        if installed and options["verbosity"]:
            self.stdout.write("Installed the message queue.")
