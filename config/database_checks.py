"""Checks of `check --database default`, which also run at the end of each migrate."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.db import DEFAULT_DB_ALIAS, connections
from django.db import Error as DatabaseError

from billing.revenue.ledger.posting_table import FEWEST_MONTHS_AHEAD, has_postings_table, months_ahead
from config.database_roles.privileges import find_wrong_rights, read_role_names
from lib.task_clock import database_time

_IS_OWNER = """
SELECT pg_has_role(current_user, %s, 'MEMBER') OR rolsuper FROM pg_roles WHERE rolname = current_user
"""
SHOWN = 5
"""Wrong rights that a message names."""

# Rights that come with a role's attributes, or with a membership in the owner or a superuser.
_ROLES = """
SELECT r.rolname, array_remove(ARRAY[
    CASE WHEN r.rolsuper OR r.rolcreatedb OR r.rolcreaterole OR r.rolreplication OR r.rolbypassrls
        THEN 'has attributes of an administrator' END,
    CASE WHEN pg_has_role(r.oid, %(owner)s, 'MEMBER') THEN 'is a member of the owner' END,
    CASE WHEN has_schema_privilege(r.oid, 'public', 'CREATE') THEN 'may create tables' END,
    CASE WHEN NOT has_database_privilege(r.oid, current_database(), 'TEMPORARY')
        THEN 'lacks TEMPORARY on the database' END,
    CASE WHEN r.rolname = %(staff)s AND NOT pg_has_role(r.oid, a.oid, 'USAGE')
        THEN 'is no member of the application' END,
    CASE WHEN r.rolname = %(application)s AND pg_has_role(r.oid, %(staff)s, 'MEMBER')
        THEN 'is a member of staff' END
], NULL)
FROM pg_roles r JOIN pg_roles a ON a.rolname = %(application)s
WHERE r.rolname IN (%(application)s, %(staff)s)
"""
_OPEN_FUNCTIONS = """
SELECT p.oid::regprocedure::text FROM pg_proc p
WHERE p.prosecdef AND p.pronamespace = 'public'::regnamespace
    AND (has_function_privilege('public', p.oid, 'EXECUTE')
        OR NOT has_function_privilege(%s, p.oid, 'EXECUTE')
        OR NOT coalesce(p.proconfig::text, '') LIKE '%%search_path=%%')
"""


@register(Tags.database)
def roles_have_their_rights(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Check that the application and staff have the rights that they need, and no others."""
    connection = connections[DEFAULT_DB_ALIAS]
    names = read_role_names(connection)
    if DEFAULT_DB_ALIAS not in (databases or ()) or names is None:
        return []
    parameters = {"owner": names.owner, "application": names.application, "staff": names.staff}
    with connection.cursor() as cursor:
        cursor.execute(_ROLES, parameters)
        faults: dict[str, list[str]] = dict(cursor.fetchall())
        if missing := [login for login in names.logins if login not in faults]:
            return [_error(f"{' and '.join(missing)} do not exist in the database.")]
        cursor.execute(_OPEN_FUNCTIONS, [names.application])
        functions = [f"the rights on the function {name} are wrong" for (name,) in cursor.fetchall()]
    texts = [f"{login} {fault}" for login, of_login in faults.items() for fault in of_login]
    texts += functions + [str(wrong) for wrong in find_wrong_rights(connection, names)]
    if not texts:
        return []
    rest = f"; and {len(texts) - SHOWN} more" if len(texts) > SHOWN else ""
    return [_error(f"The database's roles have wrong rights: {'; '.join(texts[:SHOWN])}{rest}.")]


@register(Tags.database)
def partitions_are_ahead(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Check that the owner's scheduled command has created the partitions of the coming months."""
    if DEFAULT_DB_ALIAS not in (databases or ()) or not has_postings_table():
        return []
    months = months_ahead(database_time().date())
    if months >= FEWEST_MONTHS_AHEAD:
        return []
    text = f"Postings have partitions for {months} months ahead; {FEWEST_MONTHS_AHEAD} are the fewest."
    hint = "Run manage.py create_partitions daily, with the owner's login."
    return [Error(text, hint=hint, id="tollbook.E008")]


@register(deploy=True)
def login_owns_no_table(**_: Any) -> list[CheckMessage]:
    """Check that this process does not run with the rights of the owner, which no trigger stops."""
    connection = connections[DEFAULT_DB_ALIAS]
    try:
        names = read_role_names(connection)
        if names is None:
            return []
        with connection.cursor() as cursor:
            cursor.execute(_IS_OWNER, [names.owner])
            (is_owner,) = cursor.fetchone()
    except DatabaseError:
        return []  # `database_is_durable` reports it
    if not is_owner:
        return []
    hint = f"Use {names.staff}, or {names.application} for a worker, and TOLLBOOK_OWNER_DATABASE_URL for migrate."
    return [Error("DATABASE_URL has the login of the tables' owner.", hint=hint, id="tollbook.E009")]


def _error(text: str) -> Error:
    return Error(text, hint="Run manage.py database_roles with the owner's login.", id="tollbook.E007")
