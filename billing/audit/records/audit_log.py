"""Check the sealed audit log: docs/audit-log.md."""

from collections.abc import Iterator

from access.audit_log import find_broken_seals, find_changed_rows, find_gaps
from billing.audit.check import Check, Row
from billing.audit.shared_reads import Books


def _broken_seals(books: Books) -> Iterator[Row]:
    return find_broken_seals()


def _changed_rows(books: Books) -> Iterator[Row]:
    return find_changed_rows()


def _gaps(books: Books) -> Iterator[Row]:
    return find_gaps()


CHECKS = (
    Check("seals_of_the_audit_log_follow_one_another", "O5", _broken_seals),
    Check("sealed_changes_are_as_they_were_recorded", "O5", _changed_rows),
    Check("recorded_changes_have_a_seal", "O5", _gaps),
)
