"""`manage.py create_api_key --name Backend --scope ingest --scope read [--sandbox]`: the secret is printed once."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from customers.api_keys.keys import KeyRefused, issue
from customers.models.api_keys import Scope


class Command(BaseCommand):
    """Issue an API key from the command line."""

    help = "Create an API key and print its secret. The secret is shown only once."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--name", required=True, help="Purpose of the key; shown in lists.")
        parser.add_argument(
            "--scope", action="append", required=True, choices=Scope.values, help="May be given several times."
        )
        parser.add_argument("--sandbox", action="store_true", help="The key sees sandbox customers only.")
        parser.add_argument("--days", type=int, help="Days until the key expires; never by default.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Issue the key."""
        at = timezone.now()
        days = options["days"]
        try:
            key, secret = issue(
                name=options["name"],
                scopes=options["scope"],
                sandbox=options["sandbox"],
                by=None,
                at=at,
                expires_at=None if days is None else at + timedelta(days=days),
            )
        except KeyRefused as error:
            raise CommandError(str(error)) from error
        self.stderr.write(
            f"Created {key.prefix}… with the scopes {', '.join(key.scopes)}. The secret is shown only once."
        )
        self.stdout.write(secret)
