"""Migration operations for the database triggers of all apps."""

from typing import Any

from django.db.migrations.operations.base import Operation, OperationCategory
from pgtrigger.compiler import Trigger


class InstallTriggers(Operation):
    """
    Installs the triggers that an app's models declare, in an initial migration.

    A model's `CreateModel` holds its triggers as an option, so that the migration state is the same as after one
    `AddTrigger` for each.
    """

    category = OperationCategory.ADDITION
    reversible = True

    def state_forwards(self, app_label: str, state: Any) -> None:
        pass

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        for trigger in _triggers(app_label, to_state):
            schema_editor.execute(trigger.install_sql, params=None)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        for trigger in _triggers(app_label, to_state):
            schema_editor.execute(trigger.uninstall_sql, params=None)

    def describe(self) -> str:
        return "Install the triggers of the app's models"


def _triggers(app_label: str, state: Any) -> list[Trigger]:
    return [
        trigger
        for (label, _), model in sorted(state.models.items())
        if label == app_label
        for trigger in model.options.get("triggers", ())
    ]
