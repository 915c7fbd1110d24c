"""Which constraint or trigger of the database refuses a statement, and which constraints exist."""

from django.db import DatabaseError, connection, transaction

_OURS = """
SELECT con.conname FROM pg_constraint con JOIN pg_class rel ON rel.oid = con.conrelid
WHERE con.contype IN ('c', 'u', 'x') AND rel.relname LIKE %s AND con.conname NOT LIKE %s AND con.conparentid = 0
"""


def refused_by(statement: str, *parameters: object) -> str:
    """
    Return the name of the constraint or trigger that refuses a statement, or "nothing" if it is accepted. The
    statement is rolled back in both cases.

    A trigger's name is the first word of its message.
    """
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, parameters or None)
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            transaction.set_rollback(True)
    except DatabaseError as error:
        diagnosis = error.__cause__.diag  # type: ignore[union-attr]
        return diagnosis.constraint_name or diagnosis.message_primary.split(":")[0]
    return "nothing"


def named_constraints(tables: str) -> set[str]:
    """Return the constraints of the tables of an app that have our own names; Django's start with the table."""
    with connection.cursor() as cursor:
        cursor.execute(_OURS, [f"{tables}%", f"{tables}%"])
        return {name for (name,) in cursor.fetchall()}
