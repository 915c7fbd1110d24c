"""From a libpq URL to Django's database settings."""

from typing import Any

from psycopg.conninfo import conninfo_to_dict

WEB_STATEMENT_MILLISECONDS = 30_000
WEB_LOCK_MILLISECONDS = 5_000


def from_url(url: str, *, web: bool = False) -> dict[str, Any]:
    """
    Return Django's settings of one database; whatever else the URL says (sslmode, …) goes to libpq as it is.

    web: bound each statement and each wait for a lock, so that one slow request cannot hold a web worker for
    ever; workers and commands do long work and have limits of their own.

    :raises psycopg.ProgrammingError: if the URL cannot be read.
    """
    found = conninfo_to_dict(url)
    options: dict[str, Any] = {
        "connect_timeout": 10,
        "application_name": "tollbook",
        # pghistory puts its context before the statement, which the server could not prepare with parameters.
        "server_side_binding": False,
        # Statements are prepared where they ask for it (lib/prepared_statements.py), never for being frequent.
        "prepare_threshold": 1_000_000_000,
    }
    database = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": found.pop("dbname", "") or "",
        "USER": found.pop("user", "") or "",
        "PASSWORD": found.pop("password", "") or "",
        "HOST": found.pop("host", "") or "",
        "PORT": str(found.pop("port", "") or ""),
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
        "ATOMIC_REQUESTS": False,
        "OPTIONS": options | found,
    }
    # Only the statements of billing/metering/store are prepared, and each is written so that one plan
    # serves every parameter.
    settings = "-c plan_cache_mode=force_generic_plan"
    if web:
        settings += f" -c statement_timeout={WEB_STATEMENT_MILLISECONDS} -c lock_timeout={WEB_LOCK_MILLISECONDS}"
    database["OPTIONS"]["options"] = f"{found.get('options', '')} {settings}".strip()
    return database
