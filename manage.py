#!/usr/bin/env python
"""Django's command line. It first starts the project's own PostgreSQL unless DATABASE_URL selects another."""

import os
import sys

NEED_NO_DATABASE = frozenset({"help", "version", "collectstatic", "makemessages", "compilemessages"})

# Commands that change tables or rights. A benchmark creates tables to compare with.
NEED_THE_OWNER = frozenset({"benchmark", "create_partitions", "database_roles", "migrate"})


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from config import postgres

    command = sys.argv[1] if len(sys.argv) > 1 else "help"
    if command in NEED_THE_OWNER:
        postgres.become_owner()
    if command not in NEED_NO_DATABASE:
        postgres.ensure_running()
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
