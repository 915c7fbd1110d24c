"""Django's `makemigrations`, for changes of the database alone."""

from django.core.management.commands import makemigrations

from config.migration_autodetector import ColumnAutodetector


class Command(makemigrations.Command):
    autodetector = ColumnAutodetector
