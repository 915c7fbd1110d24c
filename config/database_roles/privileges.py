"""The rights of the roles on tables and sequences: those that they should have, and those that they have."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from config.broker import QUEUES
from config.database_roles.names import RoleNames

Rights = frozenset[str]

NONE: Rights = frozenset()
READ = frozenset({"SELECT"})
READ_AND_WRITE = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"})
COUNT = frozenset({"USAGE", "SELECT"})  # of a sequence

# Tables of an app begin with its label. A table of no listed app is staff's alone, such as those of a library for
# sign-in: an app that the workers need must be added here.
WRITTEN_APPS = (
    *("access", "billing", "customers", "invoices", "plans", "wallets"),
    *("django_celery_beat", "pghistory"),
)
READ_APPS = ("auth", "django_content_type", "django_migrations")
# An erasure blanks names in the log of the admin; the application adds nothing to it.
ADMIN_LOG, READ_AND_CHANGE = "django_admin_log", frozenset({"SELECT", "UPDATE"})
# The chain of the audit log: what is sealed is never changed, not even by a process that ignores its triggers.
ADDED_TABLES, READ_AND_ADD = (
    (
        *("access_accountevent", "access_auditentry", "access_auditerasure", "access_auditformat"),
        *("access_auditremoval", "access_auditseal"),
    ),
    frozenset({"SELECT", "INSERT"}),
)
# The cache holds used codes of second factors.
STAFF_TABLES = ("access_cache",)
# The application reads users through a view without passwords: config/database_roles/setup.py.
PASSWORD_TABLE = "auth_user"  # noqa: S105 - a table's name
MIGRATIONS = "django_migrations"


@dataclass(frozen=True)
class Relation:
    """
    A table, view or sequence.

    kind: PostgreSQL's letter, `S` for a sequence and `v` for a view. acl: role → its rights; "" is every role.
    """

    schema: str
    name: str
    kind: str
    acl: dict[str, Rights]


@dataclass(frozen=True)
class WrongRights:
    """Rights of a role on a relation that differ from those that it should have."""

    relation: Relation
    role: str
    expected: Rights
    actual: Rights

    @property
    def remedy(self) -> str:
        """Return the statements that give the role exactly the rights that it should have."""
        kind = "SEQUENCE" if self.relation.kind == "S" else "TABLE"
        target = f'{kind} "{self.relation.schema}"."{self.relation.name}"'
        role = f'"{self.role}"' if self.role else "PUBLIC"
        given = f"; GRANT {', '.join(sorted(self.expected))} ON {target} TO {role}" if self.expected else ""
        return f"REVOKE ALL ON {target} FROM {role}{given}"

    def __str__(self) -> str:
        parts = (("lacks", self.expected - self.actual), ("must not have", self.actual - self.expected))
        texts = [f"{verb} {', '.join(sorted(rights))}" for verb, rights in parts if rights]
        return f"{self.role or 'every role'} {' and '.join(texts)} on {self.relation.schema}.{self.relation.name}"


# Partitions are reached through their table, so nobody needs rights on them. What an extension made is its own.
_RELATIONS = """
SELECT n.nspname, c.relname, c.relkind::text, coalesce(r.rolname, ''), a.privilege_type
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN LATERAL (
    SELECT * FROM aclexplode(c.relacl)
    UNION ALL
    SELECT e.* FROM pg_attribute t, aclexplode(t.attacl) e WHERE t.attrelid = c.oid
) a ON true
LEFT JOIN pg_roles r ON r.oid = a.grantee
WHERE n.nspname IN ('public', 'pgmq', %(application)s) AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
    AND NOT c.relispartition
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.classid = 'pg_class'::regclass
        AND d.deptype = 'e')
ORDER BY 1, 2
"""
_OWNER = "SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = to_regclass('public.django_migrations')"


def read_role_names(connection: BaseDatabaseWrapper) -> RoleNames | None:
    """Return the names of the roles, or None if the database has no tables yet."""
    with connection.cursor() as cursor:
        cursor.execute(_OWNER)
        row = cursor.fetchone()
    return RoleNames(row[0]) if row else None


def find_wrong_rights(connection: BaseDatabaseWrapper, names: RoleNames) -> list[WrongRights]:
    """Return where the rights on tables and sequences differ from those that the roles should have."""
    return [
        WrongRights(relation, role, expected, relation.acl.get(role, NONE))
        for relation in _read_relations(connection, names)
        for role, expected in _expected(relation, names).items()
        if expected != relation.acl.get(role, NONE)
    ]


def _read_relations(connection: BaseDatabaseWrapper, names: RoleNames) -> Iterator[Relation]:
    relations: dict[tuple[str, str], Relation] = {}
    with connection.cursor() as cursor:
        cursor.execute(_RELATIONS, {"application": names.application})
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    for schema, name, kind, role, right in rows:
        relation = relations.setdefault((schema, name), Relation(schema, name, kind, {}))
        if right:
            relation.acl[role] = relation.acl.get(role, NONE) | {right}
    yield from relations.values()


def _expected(relation: Relation, names: RoleNames) -> dict[str, Rights]:
    """Return the rights by role. Staff is a member of the application, so it has the application's as well."""
    if relation.schema == "pgmq":
        application, staff = _of_queue(relation), NONE
    elif relation.schema == names.application:
        application, staff = READ, NONE
    else:
        application, staff = _of_table(relation)
    return {names.application: application, names.staff: staff, "": NONE}


def _of_queue(relation: Relation) -> Rights:
    if relation.name in {f"q_{queue}" for queue in QUEUES}:
        return READ_AND_WRITE
    if relation.name in {f"q_{queue}_msg_id_seq" for queue in QUEUES}:  # the client counts the messages
        return COUNT
    if relation.name == "notify_insert_throttle":  # a message's trigger updates it
        return READ_AND_CHANGE
    return READ if relation.name == "meta" else NONE


def _of_table(relation: Relation) -> tuple[Rights, Rights]:
    """Return the rights of the application, and those that staff has in addition."""
    read, everything = (COUNT, COUNT) if relation.kind == "S" else (READ, READ_AND_WRITE)
    if relation.kind == "v":
        everything = READ
    if relation.name == MIGRATIONS:
        return read, NONE
    if relation.name in STAFF_TABLES or relation.name == PASSWORD_TABLE:
        return NONE, everything
    if relation.name == ADMIN_LOG:
        return READ_AND_CHANGE, everything - READ_AND_CHANGE
    if relation.name in ADDED_TABLES:
        return READ_AND_ADD, NONE
    if _is_of(relation, WRITTEN_APPS):
        return everything, NONE
    return (read if _is_of(relation, READ_APPS) and relation.kind != "S" else NONE), everything


def _is_of(relation: Relation, apps: tuple[str, ...]) -> bool:
    return relation.name in apps or relation.name.startswith(tuple(f"{app}_" for app in apps))
