"""
Django's `migrate`, which also installs the message queue if it is in our database, creates the partitions that are
due, and gives the database's roles their rights.
"""

from functools import cache
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import Tags
from django.core.management import call_command
from django.core.management.commands import migrate
from django.db import connections
from django.db.migrations.executor import MigrationExecutor

from config import broker, user_triggers
from config.database_roles.setup import drop_user_view
from config.migration_autodetector import ColumnAutodetector


class Command(migrate.Command):
    autodetector = ColumnAutodetector

    def get_check_kwargs(self, options: dict[str, Any]) -> dict[str | None, Any]:
        """Leave the checks of the database for the end, when it has what they look for."""
        return super().get_check_kwargs(options) | {"databases": None}

    def handle(self, *args: Any, **options: Any) -> None:
        # Each relation of a rendered model asks which setting replaces its target, and Django looks through all
        # models again: it forgets the answers whenever it renders one.
        apps.get_swappable_settings_name = cache(apps.get_swappable_settings_name)  # type: ignore[method-assign]
        if options["plan"] or options["check_unapplied"]:
            super().handle(*args, **options)
            return
        connection, verbosity = connections[options["database"]], options["verbosity"]
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        changes_users = any(migration.app_label == "auth" for migration, _ in plan)
        is_tracked = ("access", "0003_audit_log") in executor.loader.applied_migrations
        if changes_users:
            drop_user_view(connection)
        if changes_users and is_tracked:
            user_triggers.drop()
        super().handle(*args, **options)
        if changes_users and is_tracked:
            user_triggers.restore()
        if settings.CELERY_BROKER_URL == broker.DEFAULT:
            connection.ensure_connection()
            if broker.install(connection.connection) and verbosity:
                self.stdout.write("Installed the message queue.")
        call_command("create_partitions", verbosity=verbosity)
        call_command("database_roles", verbosity=verbosity)
        if not options["skip_checks"]:
            self.check(tags=[Tags.database], databases=[options["database"]])
