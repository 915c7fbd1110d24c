"""
The application and staff can do what the product does, and nothing more: no DDL, and for the application no password.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.contrib.auth.models import User
from django.core import checks
from django.core.management import CommandError, call_command
from django.db import connection
from psycopg import errors

from access.retention import delete_old_rows
from billing.revenue.ledger.posting_table import months_ahead
from config import user_triggers
from config.database_checks import login_owns_no_table, partitions_are_ahead, roles_have_their_rights
from config.database_roles.names import RoleNames
from config.database_roles.privileges import find_wrong_rights
from config.database_roles.setup import RolesRefused, drop_user_view, set_up_roles
from lib.task_clock import database_time
from tests.logins import login_url, role_names
from tests.owner_rights import as_application, as_owner, use_role

pytestmark = pytest.mark.django_db

DATABASES = {"databases": ["default"]}


@pytest.fixture(name="names")
def names_of_roles() -> RoleNames:
    return role_names()


# What a login must not do, and why.
REFUSED = [
    ("ALTER TABLE invoices_invoice DISABLE TRIGGER USER", "triggers keep issued invoices unchanged"),
    ("DROP TRIGGER event_is_append_only ON billing_event", "events are only added"),
    ("CREATE TRIGGER other AFTER INSERT ON billing_event EXECUTE FUNCTION suppress_redundant_updates_trigger()", ""),
    ("ALTER TABLE invoices_invoice ADD COLUMN other integer", "only a migration changes a table"),
    ("ALTER TABLE invoices_invoice DROP CONSTRAINT invoice_total_is_never_negative", ""),
    ("ALTER TABLE invoices_invoice OWNER TO CURRENT_USER", ""),
    ("CREATE TABLE other (id integer)", "a table of ours could be shadowed"),
    ("CREATE FUNCTION other() RETURNS integer LANGUAGE sql AS 'SELECT 1'", ""),
    ("CREATE SCHEMA other", ""),
    ("CREATE INDEX other ON invoices_invoice (total)", ""),
    ("CREATE OR REPLACE FUNCTION billing_event_is_append_only() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'", ""),
    ("DROP TABLE billing_event", ""),
    ("DROP INDEX invoice_by_time", ""),
    ("TRUNCATE billing_event", "no row trigger fires for a TRUNCATE"),
    ("TRUNCATE invoices_invoice CASCADE", ""),
    ("SET session_replication_role = replica", "no trigger fires in a replica"),
    ("VACUUM FULL invoices_invoice", ""),
    ("CREATE TABLE billing_posting_1999_01 PARTITION OF billing_posting DEFAULT", ""),
    ("SELECT billing_create_posting_partition('2031-01-01')", "no such month is being locked"),
    ("UPDATE django_migrations SET applied = now()", ""),
    ("CREATE ROLE other", ""),
    ("SELECT pgmq.create('other')", "queues are the owner's"),
    ("SELECT pg_read_file('/etc/passwd')", ""),
]
# What the application must not do, and staff may.
SECRETS = [
    "SELECT password FROM public.auth_user",
    "SELECT * FROM public.auth_user",
    "UPDATE public.auth_user SET is_superuser = true",
    "UPDATE auth_user SET is_superuser = true",
    "INSERT INTO public.auth_user_user_permissions (user_id, permission_id) VALUES (1, 1)",
    "SELECT data FROM mfa_authenticator",
    "SELECT session_key FROM django_session",
    "SELECT session_key FROM usersessions_usersession",
    "SELECT email FROM account_emailaddress",
    "SELECT token FROM socialaccount_socialtoken",
    "SELECT value FROM access_cache",
    "DELETE FROM django_admin_log",
]


@contextmanager
def logged_in(login: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(login_url(login), autocommit=True, options="-c lock_timeout=10s") as client:
        yield client


@pytest.mark.parametrize("statement", [statement for statement, _ in REFUSED])
@pytest.mark.parametrize("role", ["application", "staff"])
def test_no_login_has_the_owners_rights(names: RoleNames, role: str, statement: str):
    refusals = (errors.InsufficientPrivilege, errors.RestrictViolation)
    with logged_in(getattr(names, role)) as client:
        if statement.startswith("VACUUM"):  # a VACUUM that is not permitted warns
            notices: list[str] = []
            client.add_notice_handler(lambda notice: notices.append(str(notice.message_primary)))
            client.execute(statement)
            assert any("permission denied" in notice for notice in notices)
            return
        with pytest.raises(refusals):
            client.execute(statement)


@pytest.mark.parametrize("statement", SECRETS)
def test_the_application_reads_no_secret_and_gives_nobody_a_right(names: RoleNames, statement: str):
    with logged_in(names.application) as client, pytest.raises(errors.InsufficientPrivilege):
        client.execute(statement)


def test_no_login_becomes_another_role(names: RoleNames):
    for login, role in [
        (names.application, names.staff),
        (names.application, names.owner),
        (names.staff, names.owner),
    ]:
        with logged_in(login) as client, pytest.raises(errors.InsufficientPrivilege):
            client.execute(f'SET ROLE "{role}"')


def test_every_role_can_store_a_temporary_table(names: RoleNames):
    for login in names.logins:
        with logged_in(login) as client:
            client.execute("CREATE TEMPORARY TABLE staged (id integer) ON COMMIT DELETE ROWS")


def test_the_application_reads_users_without_their_passwords():
    user = User.objects.create_user("ada", "ada@acme.example", "calm-and-quick-7")
    with as_owner():
        set_up_roles(connection)  # the tests' database may have been set up by an earlier state of the code
    with as_application():
        read = User.objects.get(pk=user.pk)
        assert (read.username, read.email) == ("ada", "ada@acme.example")
        assert read.password == "!"
        assert not read.has_usable_password()
        assert not read.check_password("calm-and-quick-7")
    assert User.objects.get(pk=user.pk).check_password("calm-and-quick-7")


def test_workers_delete_ended_sessions_that_they_cannot_read(client):
    user = User.objects.create_user("ada", password="calm-and-quick-7")
    client.force_login(user)
    at = database_time()
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("INSERT INTO django_session VALUES ('ended', '', now() - interval '1 second')")
    with as_application():
        delete_old_rows(at=at.replace(year=at.year + 9))
    with connection.cursor() as cursor:
        cursor.execute("SELECT session_key FROM django_session")
        assert cursor.fetchall() == [(client.session.session_key,)], "a time in the future ends no session"


def test_the_rights_are_those_that_the_roles_should_have(names: RoleNames):
    assert find_wrong_rights(connection, names) == []
    assert roles_have_their_rights(**DATABASES) == []


WRONG = [
    # statement of the owner                                                    the check's words
    ("REVOKE INSERT ON billing_event FROM {application}", "{application} lacks INSERT on public.billing_event"),
    ("GRANT SELECT ON mfa_authenticator TO {application}", "must not have SELECT on public.mfa_authenticator"),
    ("GRANT SELECT (password) ON auth_user TO {application}", "must not have SELECT on public.auth_user"),
    ("GRANT TRUNCATE ON billing_event TO {staff}", "{staff} must not have TRUNCATE on public.billing_event"),
    ("GRANT SELECT ON django_session TO PUBLIC", "every role must not have SELECT on public.django_session"),
    (
        "CREATE TABLE other_secret (id integer); GRANT SELECT ON other_secret TO {application}",
        "SELECT on public.other_secret",
    ),
    ("GRANT CREATE ON SCHEMA public TO {staff}", "{staff} may create tables"),
    ("ALTER ROLE {staff} CREATEROLE", "{staff} has attributes of an administrator"),
    ("GRANT {owner} TO {application}", "{application} is a member of the owner"),
    ("REVOKE {application} FROM {staff}", "{staff} is no member of the application"),
    ("GRANT {staff} TO {other}; GRANT {other} TO {application}", "{application} is a member of staff"),
    (
        "CREATE FUNCTION other() RETURNS integer LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
        "the rights on the function other() are wrong",
    ),
]


@pytest.mark.parametrize(("statement", "words"), WRONG)
def test_wrong_rights_are_found_and_the_command_mends_those_on_tables(names: RoleNames, statement: str, words: str):
    parts = {"application": names.application, "staff": names.staff, "owner": names.owner, "other": "other_role"}
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("REVOKE {application} FROM {staff}; CREATE ROLE other_role".format(**parts))
        if "is a member of staff" not in words:
            cursor.execute("GRANT {application} TO {staff}".format(**parts))
        cursor.execute(statement.format(**parts))

    (error,) = roles_have_their_rights(**DATABASES)

    assert words.format(**parts) in error.msg
    assert "database_roles" in str(error.hint)
    if " on public." in words:
        with as_owner():
            call_command("database_roles", verbosity=0)
        assert roles_have_their_rights(**DATABASES) == []


def test_a_table_of_an_unknown_app_is_staffs_alone(names: RoleNames):
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("CREATE TABLE newlibrary_token (id integer)")
        set_up_roles(connection)
        cursor.execute("SELECT has_table_privilege(%s, 'newlibrary_token', 'SELECT')", [names.application])
        assert cursor.fetchone() == (False,)
        cursor.execute("SELECT has_table_privilege(%s, 'newlibrary_token', 'SELECT')", [names.staff])
        assert cursor.fetchone() == (True,)


def test_the_command_needs_the_owners_login(names: RoleNames):
    with use_role(names.staff), pytest.raises(RolesRefused, match=f"The tables belong to {names.owner}"):
        set_up_roles(connection)
    with pytest.raises(CommandError, match="run this command with the login of that role"):
        call_command("database_roles")


def test_an_owner_who_may_not_create_roles_learns_what_an_administrator_has_to_do(names: RoleNames, monkeypatch):
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(f"CREATE ROLE plain_owner; GRANT {names.owner} TO plain_owner")
    with use_role("plain_owner"):
        set_up_roles(connection)  # both logins exist
        monkeypatch.setenv("TOLLBOOK_STAFF_PASSWORD", "s3cret")
        with pytest.raises(RolesRefused, match="may not set passwords"):
            set_up_roles(connection)
    monkeypatch.delenv("TOLLBOOK_STAFF_PASSWORD")
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(f"ALTER ROLE {names.application} RENAME TO other_role")
    with use_role("plain_owner"), pytest.raises(RolesRefused) as refusal:
        set_up_roles(connection)
    assert f'CREATE ROLE "{names.application}" LOGIN; GRANT "{names.application}" TO "{names.staff}"' in str(
        refusal.value
    )


def test_a_password_is_set_and_sent_as_a_digest(names: RoleNames, monkeypatch, django_assert_num_queries):
    monkeypatch.setenv("TOLLBOOK_APPLICATION_PASSWORD", "s3cret of the workers")
    statements: list[str] = []

    def record(execute, sql, params, many, context):
        statements.append(str(sql))
        return execute(sql, params, many, context)

    with as_owner(), connection.execute_wrapper(record):
        set_up_roles(connection)
    assert "s3cret" not in "".join(statements)
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("SELECT rolpassword FROM pg_authid WHERE rolname = %s", [names.application])
        assert cursor.fetchone()[0].startswith("SCRAM-SHA-256$")


def test_a_migration_of_users_finds_no_view_in_its_way(names: RoleNames):
    with as_owner(), connection.cursor() as cursor:
        drop_user_view(connection)
        user_triggers.drop()
        cursor.execute("ALTER TABLE auth_user ALTER COLUMN first_name TYPE varchar(300)")
        user_triggers.restore()
        set_up_roles(connection)
    with as_application():
        assert list(User.objects.all()) == []


def test_the_owner_in_a_running_process_is_an_error(names: RoleNames):
    assert login_owns_no_table() == []
    with as_owner():
        (error,) = login_owns_no_table()
    assert names.staff in str(error.hint)


def test_partitions_of_three_months_are_ahead_and_fewer_than_two_are_an_error():
    today = database_time().date()
    assert months_ahead(today) == 3
    assert partitions_are_ahead(**DATABASES) == []
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE billing_posting_{_later(2)}")
    (error,) = partitions_are_ahead(**DATABASES)
    assert error.msg.startswith("Postings have partitions for 1 months ahead")
    with as_owner():
        call_command("create_partitions")
    assert partitions_are_ahead(**DATABASES) == []


def _later(months: int) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_char(now() + %s * interval '1 month', 'YYYY_MM')", [months])
        return str(cursor.fetchone()[0])


def test_the_checks_run_with_the_database_only():
    assert {roles_have_their_rights, partitions_are_ahead} <= set(checks.registry.registry.get_checks())
    assert roles_have_their_rights() == partitions_are_ahead() == []


def test_functions_with_their_owners_rights_fix_the_search_path():
    with connection.cursor() as cursor:
        cursor.execute("SELECT proname, proconfig::text FROM pg_proc WHERE prosecdef ORDER BY proname")
        functions = dict(cursor.fetchall())
    assert set(functions) == {
        "access_delete_ended_sessions",
        "access_delete_orphaned_sessions",
        "billing_analyze_posting_partition",
        "billing_create_posting_partition",
    }
    assert set(functions.values()) == {'{"search_path=pg_catalog, public, pg_temp"}'}
