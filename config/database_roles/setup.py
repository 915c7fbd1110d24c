"""The setup of the roles, by the owner's login: their logins, the view of users, and every right."""

import os
from typing import Any

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql

from config.database_roles.names import RoleNames
from config.database_roles.privileges import PASSWORD_TABLE, find_wrong_rights, read_role_names

PASSWORDS = ("TOLLBOOK_APPLICATION_PASSWORD", "TOLLBOOK_STAFF_PASSWORD")
"""The variables with the passwords of the two logins."""


class RolesRefused(Exception):
    """The login may not set up the roles; the message says what an administrator has to do."""


# Nobody else may store a table or a function that a statement could find before ours.
_SCHEMA_RIGHTS = """
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO {application};
REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE {database} TO {application};
"""
_QUEUE_RIGHTS = "GRANT USAGE ON SCHEMA pgmq TO {application}"
# A function with its owner's rights could otherwise be called by every login.
_FUNCTION_RIGHTS = """
REVOKE EXECUTE ON FUNCTION {function} FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {function} TO {application};
"""
_DEFINER_FUNCTIONS = """
SELECT p.oid::regprocedure::text FROM pg_proc p
WHERE p.prosecdef AND p.pronamespace = 'public'::regnamespace AND pg_get_userbyid(p.proowner) = %s
"""
# PostgreSQL searches the schema with the role's name first, so the same statement reads the view as the application,
# and the table as staff. "!" is Django's mark of an account without a usable password.
_USER_VIEW = """
CREATE SCHEMA IF NOT EXISTS {application};
GRANT USAGE ON SCHEMA {application} TO {application};
CREATE OR REPLACE VIEW {application}.auth_user AS SELECT {columns} FROM public.auth_user;
"""
_USER_COLUMNS = """
SELECT CASE attname WHEN 'password' THEN '''!''::varchar(128) AS password' ELSE quote_ident(attname) END
FROM pg_attribute WHERE attrelid = 'public.auth_user'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""
_IS_MEMBER = """
SELECT pg_has_role(s.oid, a.oid, 'MEMBER') FROM pg_roles s, pg_roles a WHERE s.rolname = %s AND a.rolname = %s
"""
_MAY_CREATE_ROLES = "SELECT rolcreaterole OR rolsuper FROM pg_roles WHERE rolname = current_user"


def set_up_roles(connection: BaseDatabaseWrapper) -> RoleNames | None:
    """
    Create the roles that are missing, and give and take rights until they are as they should be.

    Return the names of the roles, or None if the database has no tables yet.

    :raises RolesRefused: if the login does not own the tables, or may not create the roles that are missing.
    """
    names = read_role_names(connection)
    if names is None:
        return None
    with transaction.atomic(using=connection.alias):
        # Advisory lock: two setups at once do not both create a role or change the same rights.
        _fetch(connection, "SELECT pg_advisory_xact_lock(hashtext('tollbook.database_roles'))")
        if _fetch(connection, "SELECT pg_has_role(current_user, %s, 'USAGE')", names.owner) == [False]:
            raise RolesRefused(f"The tables belong to {names.owner}: run this command with the login of that role.")
        _create_logins(connection, names)
        _execute(connection, names, _SCHEMA_RIGHTS, database=sql.Identifier(connection.settings_dict["NAME"]))
        if _fetch(connection, "SELECT to_regnamespace('pgmq') IS NOT NULL") == [True]:
            _execute(connection, names, _QUEUE_RIGHTS)
        columns = sql.SQL(", ").join([sql.SQL(column) for column in _fetch(connection, _USER_COLUMNS)])
        _execute(connection, names, _USER_VIEW, columns=columns)
        for function in _fetch(connection, _DEFINER_FUNCTIONS, names.owner):
            _execute(connection, names, _FUNCTION_RIGHTS, function=sql.SQL(function))
        for wrong in find_wrong_rights(connection, names):
            _execute(connection, names, wrong.remedy)
    return names


def drop_user_view(connection: BaseDatabaseWrapper) -> None:
    """Drop the application's view of users, since a migration could not change the columns that it shows."""
    if names := read_role_names(connection):
        _execute(connection, names, "DROP VIEW IF EXISTS {application}." + PASSWORD_TABLE)


def _create_logins(connection: BaseDatabaseWrapper, names: RoleNames) -> None:
    """Create the two logins where they are missing, and set the passwords that the environment has."""
    existing = _fetch(connection, "SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)", list(names.logins))
    statements = [f'CREATE ROLE "{login}" LOGIN' for login in names.logins if login not in existing]
    if _fetch(connection, _IS_MEMBER, names.staff, names.application) != [True]:
        statements.append(f'GRANT "{names.application}" TO "{names.staff}"')
    passwords = {login: os.environ.get(variable) for login, variable in zip(names.logins, PASSWORDS, strict=True)}
    may_create = _fetch(connection, _MAY_CREATE_ROLES) == [True]
    if statements and not may_create:
        raise RolesRefused(
            f"This login may not create roles. Have an administrator run: {'; '.join(statements)}. Then run this"
            " command again."
        )
    if any(passwords.values()) and not may_create:
        raise RolesRefused(f"This login may not set passwords: unset {' and '.join(PASSWORDS)}.")
    for statement in statements:
        _execute(connection, names, statement)
    for login, password in passwords.items():
        if password:
            # The server gets a digest, so that no log of its statements has the password.
            digest = connection.connection.pgconn.encrypt_password(
                password.encode(), login.encode(), b"scram-sha-256"
            ).decode()
            statement = "ALTER ROLE {login} PASSWORD {digest}"
            _execute(connection, names, statement, login=sql.Identifier(login), digest=sql.Literal(digest))


def _fetch(connection: BaseDatabaseWrapper, statement: str, *parameters: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters or None)
        return [value for (value,) in cursor.fetchall()]


def _execute(connection: BaseDatabaseWrapper, names: RoleNames, statement: str, **parts: sql.Composable) -> None:
    roles = {"application": sql.Identifier(names.application), "staff": sql.Identifier(names.staff)}
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(statement).format(**roles, **parts))
