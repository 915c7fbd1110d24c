"""The seller of a page: the address names it by its code, and a short list or a search offers the others."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest

from customers.models import Seller
from lib.admin.seller_restriction import limit_to_sellers

MOST_OFFERED = 10
"""Sellers offered as links: more would not fit the line above a report, and an installation may have 10,000."""
MOST_LETTERS = 200


@dataclass(frozen=True, slots=True)
class SellerChoice:
    """
    seller: None if there is none yet.
    offered: all sellers, or of more than MOST_OFFERED the first that match the search; empty if there is one seller.
    has_search: whether there are more sellers than the page can offer.
    search: the text that the user has searched for.
    has_more: whether further sellers match it.
    """

    seller: Seller | None
    offered: Sequence[Seller]
    has_search: bool = False
    search: str = ""
    has_more: bool = False


def read_seller_choice(request: HttpRequest) -> SellerChoice:
    """
    Return the seller that the address names, the first one by default, and the sellers that `find` matches.

    :raises Http404: if there is no such seller among those that the user may see.
    """
    sellers, text = visible_sellers(request), search_text(request)
    offered = list(sellers[: MOST_OFFERED + 1])
    code = request.GET.get("seller", "")
    seller = next((seller for seller in offered if code in ("", seller.code)), None)
    if seller is None and code:
        seller = sellers.filter(code=code).first()
        if seller is None:
            raise Http404(f"There is no seller “{code}”.")
    if len(offered) <= MOST_OFFERED:
        return SellerChoice(seller, offered if len(offered) > 1 else [])
    matching = list(matching_sellers(sellers, text)[: MOST_OFFERED + 1]) if text else []
    return SellerChoice(seller, matching[:MOST_OFFERED], True, text, len(matching) > MOST_OFFERED)


def visible_sellers(request: HttpRequest) -> QuerySet[Seller]:
    """Return the sellers that the user may see, by name."""
    return limit_to_sellers(request, Seller.objects.order_by("legal_name", "pk"), "pk")


def search_text(request: HttpRequest) -> str:
    return request.GET.get("find", "").replace("\x00", "").strip()[:MOST_LETTERS]


def matching_sellers(sellers: QuerySet[Seller], text: str) -> QuerySet[Seller]:
    """Return the sellers whose name or code contains the text; all of them for an empty text."""
    return sellers.filter(Q(legal_name__icontains=text) | Q(code__icontains=text)) if text else sellers
