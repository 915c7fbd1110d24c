"""Django's `migrate`, quicker, which installs the message queue as well when that lives in our database."""

from typing import Any

from django.conf import settings
from django.core.management.commands import migrate
from django.db import connections

from config import broker
from config.fast_migrations import classes_told_of_options


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        with classes_told_of_options():
            super().handle(*args, **options)
        if settings.CELERY_BROKER_URL != broker.DEFAULT or options["plan"] or options["check_unapplied"]:
            return
        with connections[options["database"]].cursor() as cursor:
            installed = broker.install(cursor.connection.info.dsn)
        if installed and options["verbosity"]:
            self.stdout.write("Installed the message queue.")
