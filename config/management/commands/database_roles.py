"""`manage.py database_roles`: give the database's roles their rights, with the owner's login."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from config.database_roles.setup import RolesRefused, set_up_roles


class Command(BaseCommand):
    help = (
        "Create the logins of the application and of staff where they are missing, set their passwords if"
        " TOLLBOOK_APPLICATION_PASSWORD and TOLLBOOK_STAFF_PASSWORD are set, and give them exactly their rights."
        " Runs with the owner's login, also at the end of each migrate. Safe to repeat."
    )

    def handle(self, *, verbosity: int, **_: Any) -> None:
        try:
            names = set_up_roles(connection)
        except RolesRefused as error:
            raise CommandError(str(error)) from error
        if names is None:
            raise CommandError("The database has no tables yet: run manage.py migrate.")
        if verbosity:
            self.stdout.write(f"{names.application} and {names.staff} have their rights.")
