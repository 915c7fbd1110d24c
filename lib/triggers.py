"""
Kinds of database triggers, and the migration operation that installs those of an app.

Each refusal is `name: remedy`: `lib.api.db_errors` and the admin tell a caller which guarantee refused a change. The
kinds of pgtrigger itself (`Protect`, `ReadOnly`, `FSM`) refuse with a text of their own that names only the table, so
only rows that nobody can change by any page use them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pgtrigger
from django.db.migrations.operations.base import Operation, OperationCategory
from pgtrigger.compiler import Trigger

CHANGE = pgtrigger.Update | pgtrigger.Delete
WRITE = pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete


def append_only() -> pgtrigger.Trigger:
    """Return the trigger that refuses to change or delete a row."""
    return pgtrigger.Protect(name="append_only", operation=CHANGE)


def allow_only(
    name: str,
    allowed: str,
    *,
    remedy: str,
    operation: pgtrigger.core.Operation = CHANGE,
    condition: pgtrigger.Condition | None = None,
) -> pgtrigger.Trigger:
    """
    Return the trigger that refuses a change of a row unless an SQL expression on OLD and NEW is true.

    NEW is null in a deletion and OLD in an insertion, so an expression that reads the missing row refuses.

    remedy: the rest of the message after `name: `. condition: rows outside of it are not checked at all.
    """
    return pgtrigger.Trigger(
        name=name,
        when=pgtrigger.Before,
        operation=operation,
        condition=condition,
        func=f"""
            IF ({allowed}) IS NOT TRUE THEN
                RAISE EXCEPTION '{name}: {remedy}' USING ERRCODE = 'restrict_violation';
            END IF;
            IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
            RETURN NEW;
        """,
    )


def unchanged_but(*columns: str) -> str:
    """Return the SQL expression for an update that changes none but these columns."""
    names = ", ".join(f"'{column}'" for column in columns)
    return f"to_jsonb(NEW) - ARRAY[{names}] = to_jsonb(OLD) - ARRAY[{names}]"


def after_statement(
    name: str, body: str, *, operation: pgtrigger.core.Operation = pgtrigger.Insert
) -> pgtrigger.Trigger:
    """
    Return a trigger that runs once for a statement, with its rows in `new_rows` and `old_rows`.

    Closing writes a hundred thousand rows by COPY: this costs a few set comparisons instead of a call for each row.
    """
    rows = {
        pgtrigger.Insert: pgtrigger.Referencing(new="new_rows"),
        pgtrigger.Delete: pgtrigger.Referencing(old="old_rows"),
        pgtrigger.Update: pgtrigger.Referencing(old="old_rows", new="new_rows"),
    }
    return pgtrigger.Trigger(
        name=name,
        when=pgtrigger.After,
        level=pgtrigger.Statement,
        operation=operation,
        referencing=rows[operation],
        declare=[("broken", "boolean")],
        func=body,
    )


def refuse_if_found(query: str, message: str, *, code: str = "check_violation", is_planned_once: bool = False) -> str:
    """
    Return the body of a trigger that refuses the statement if the query finds a row.

    is_planned_once: for a query over few rows that runs with every spend. Otherwise EXECUTE plans it on each call: a
    session would keep the plan it made while the tables were small, and scan all invoices for each batch of a hundred
    thousand.
    """
    exists = f"SELECT EXISTS ({query})"
    check = f"broken := ({exists});" if is_planned_once else f"EXECUTE $check$ {exists} $check$ INTO broken;"
    return f"""
        {check}
        IF broken THEN
            RAISE EXCEPTION '{message}' USING ERRCODE = '{code}';
        END IF;
        RETURN NULL;
    """


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


class ReplaceTriggers(Operation):
    """
    Replaces triggers by new ones of the same names, in one operation.

    A `RemoveTrigger` and an `AddTrigger` for each would render the app's models twice for each trigger.

    triggers: name of the model → its new triggers.
    """

    category = OperationCategory.ALTERATION
    reversible = True

    def __init__(self, triggers: Mapping[str, Sequence[Trigger]]) -> None:
        self.triggers = triggers

    def state_forwards(self, app_label: str, state: Any) -> None:
        for model_name, new_triggers in self.triggers.items():
            new_by_name = {trigger.name: trigger for trigger in new_triggers}
            options = state.models[app_label, model_name].options
            options["triggers"] = [new_by_name.get(trigger.name, trigger) for trigger in options["triggers"]]
        state.reload_models({(app_label, model_name) for model_name in self.triggers}, delay=True)

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        replaced = {(name, trigger.name) for name, new_triggers in self.triggers.items() for trigger in new_triggers}
        for (label, model_name), model in sorted(to_state.models.items()):
            for trigger in model.options.get("triggers", ()):
                if label == app_label and (model_name, trigger.name) in replaced:
                    schema_editor.execute(trigger.install_sql, params=None)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        self.database_forwards(app_label, schema_editor, from_state, to_state)

    def describe(self) -> str:
        return f"Replace triggers of {', '.join(self.triggers)}"


def _triggers(app_label: str, state: Any) -> list[Trigger]:
    return [
        trigger
        for (label, _), model in sorted(state.models.items())
        if label == app_label
        for trigger in model.options.get("triggers", ())
    ]
