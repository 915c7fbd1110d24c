"""Requests for another customer's row, which must get the same answer as requests for a missing row."""

from tests.access.access_table import NO, OWN, YES
from tests.access.actors import OWN as THEIRS
from tests.access.actors import Actor
from tests.access.request_bodies import names_customer, request_body
from tests.access.route_requests import Answer, send_request
from tests.access.routes import Route
from tests.access.rows import NOBODY, missing, place


def request_foreign_row(actor: Actor, method: str, route: Route) -> tuple[str, Answer]:
    """
    Send a request as another customer, or with a key of the other mode, and return the cell and the answer.

    “·”: the answer's status, text and headers equal those for a missing row.

    “own”: the page has no row in its address, and shows no row of the other customer.
    """
    values, _ = place(route)
    answer = send_request(actor, method, route.address(values), request_body(method, route))
    if not values and not names_customer(method, route):
        return (NO if answer.is_refusal else YES if THEIRS in answer.text.lower() else OWN), answer
    absent = missing(values)
    answer_for_missing = send_request(actor, method, route.address(absent), request_body(method, route, NOBODY))
    echoed_words = {str(value).partition("=")[2] or str(value) for value in (*values.values(), *absent.values())}
    echoed_words |= {THEIRS, NOBODY}
    return (NO if answer.without(echoed_words) == answer_for_missing.without(echoed_words) else YES), answer
