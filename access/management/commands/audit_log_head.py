"""Show the hash in which the chain of the audit log ends, or tell whether it contains a former one."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from access.models import AuditSeal


class Command(BaseCommand):
    help = "Show the latest hash of the audit log, to be kept outside of the database."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--contains", metavar="HASH", help="fail unless this hash is in the chain")

    def handle(self, *args: Any, **options: Any) -> None:
        if wanted := options["contains"]:
            seal = AuditSeal.objects.filter(hash=wanted).first()
            if seal is None:
                raise CommandError(f"The chain does not contain {wanted}: it was replaced after this hash left it.")
            self.stdout.write(f"Seal {seal.pk} of {seal.at:%Y-%m-%d %H:%M} UTC has this hash.")
            return
        head = AuditSeal.objects.order_by("-pk").first()
        self.stdout.write(f"{head.pk} {head.hash}" if head else "Nothing is sealed yet.")
