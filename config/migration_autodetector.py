"""The autodetector of migrations: it compares columns, constraints and triggers, and no words of forms."""

from django.core.management.commands import makemigrations
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.models import Field

FOR_FORMS = ("choices", "error_messages", "help_text", "validators", "verbose_name")
"""Arguments of fields that no column depends on."""


class ColumnComparison(MigrationAutodetector):
    """Ignores arguments of fields that concern forms alone: a page is reworded without a migration."""

    def deep_deconstruct(self, obj: object) -> object:
        deconstructed = super().deep_deconstruct(obj)
        if not isinstance(obj, Field):
            return deconstructed
        path, arguments, options = deconstructed
        return path, arguments, {name: value for name, value in options.items() if name not in FOR_FORMS}


# pgtrigger has put its own autodetector, which compares triggers, in place of Django's.
ColumnAutodetector = type("ColumnAutodetector", (ColumnComparison, makemigrations.Command.autodetector), {})
