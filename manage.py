#!/usr/bin/env python
"""Django's command line. It first starts the project's own PostgreSQL unless DATABASE_URL selects another."""

import os
import sys

NEED_NO_DATABASE = frozenset({"help", "version", "collectstatic", "makemessages", "compilemessages"})


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from config import postgres

    if len(sys.argv) > 1 and sys.argv[1] not in NEED_NO_DATABASE:
        postgres.ensure_running()
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
