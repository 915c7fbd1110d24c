"""Expensive reads that several checks share."""

from functools import cached_property

from billing.audit.posted_amounts import PostedAmount, read_all_books, read_posted_amounts
from billing.audit.usage.recount import Recount, recount
from billing.audit.usage.usage_lines import Rerating, rerate
from billing.revenue.ledger.books import SellerBooks


class Books:
    """The books in one audit's snapshot; each read runs once, when a check first uses it."""

    @cached_property
    def recount(self) -> Recount:
        """All events, attributed and counted again."""
        return recount()

    @cached_property
    def rerating(self) -> Rerating:
        """All usage lines, rated again from their snapshots."""
        return rerate()

    @cached_property
    def sellers(self) -> list[SellerBooks]:
        """The months of each seller's books."""
        return read_all_books()

    @cached_property
    def posted(self) -> list[PostedAmount]:
        """All postings of all sellers, added up."""
        return read_posted_amounts(self.sellers)
