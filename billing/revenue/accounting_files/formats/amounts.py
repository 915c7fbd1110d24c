"""Amounts and exchange rates as text."""

from decimal import Decimal

from billing.revenue.accounting_files.formats.journal import UnwritableFile


def plain_amount(amount: Decimal, places: int) -> str:
    """
    Return an amount with this number of decimal places, exactly.

    :raises UnwritableFile: if it has more.
    """
    text = str(amount)
    end = text.find(".") + 1 + places
    # Amounts of postings have four places; cutting off the zeros is faster than rounding.
    if places < end <= len(text) and not text[end:].strip("0"):
        return text[:end]
    text = format(amount, f".{places}f")
    if Decimal(text) != amount:
        raise UnwritableFile(
            f"{amount:f} has more than {places} decimal places, which the target can't take. Choose another target."
        )
    return text


def bounded_amount(amount: Decimal, *, whole_digits: int) -> str:
    """
    Return an amount with two decimal places.

    :raises UnwritableFile: if it has more, or more than `whole_digits` digits before the point.
    """
    if abs(amount) >= 10**whole_digits:
        raise UnwritableFile(
            f"{amount:f} has more than {whole_digits} digits, which the target can't take. Export in detail instead."
        )
    return plain_amount(amount, 2)
