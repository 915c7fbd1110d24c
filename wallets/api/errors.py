"""Refusals of the ledger as API problems."""

from collections.abc import Iterator
from contextlib import contextmanager

from lib.api.problems import Problem
from wallets.credit_rules.units import InvalidAmount
from wallets.ledger.errors import InsufficientUnits, LedgerRefused, ReferenceConflict
from wallets.ledger.locked_wallets import WalletNotFound


@contextmanager
def as_problems(**renamed: str) -> Iterator[None]:
    """
    Turn refusals of the ledger into problems that name the field.

    renamed: the ledger's name of a field → the name that the caller sent.
    """
    try:
        yield
    except InvalidAmount as error:
        raise _problem("amount", "invalid", error) from error
    except WalletNotFound as error:
        raise Problem("conflict", f"{error} It may be closed; use another one.") from error
    except ReferenceConflict as error:
        raise Problem("conflict", str(error), errors=[_fault("key", "taken", error)]) from error
    except LedgerRefused as error:
        code = "not_enough" if isinstance(error, InsufficientUnits) else "refused"
        raise _problem(renamed.get(error.field, error.field), code, error) from error


def _problem(field: str, code: str, error: Exception) -> Problem:
    return Problem("unprocessable", str(error), errors=[_fault(field, code, error)])


def _fault(field: str, code: str, error: Exception) -> dict[str, str]:
    return {"field": field, "code": code, "detail": str(error)}
