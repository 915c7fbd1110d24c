"""The logins of the roles, which can't take the owner's rights as the tests' own connection can."""

import os

import pytest
from django.db import connection
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from config.database_roles.names import RoleNames
from config.database_roles.privileges import read_role_names
from config.postgres import OWNER


def role_names() -> RoleNames:
    """Return the names of the roles of the test's database."""
    names = read_role_names(connection)
    assert names is not None
    return names


def login_url(login: str) -> str:
    """Return the URL of the test's database with a login; skip the test if the server would ask for its password."""
    if conninfo_to_dict(os.environ[OWNER]).get("password"):
        pytest.skip("The server asks for passwords, which the roles of the tests do not have.")
    # Without options, which the queue's client would leave in this process's environment.
    return make_conninfo(os.environ[OWNER], user=login, options="")
