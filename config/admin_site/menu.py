"""The menu: five areas, their sections and the pages of these, with the numbers of rows that need action."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from access.models import ApprovalRequest
from access.models.approvals import ApprovalState
from billing.models import Job, Period, UnmatchedUsage
from billing.models.jobs import OPEN_STATES
from customers.models import Delivery
from customers.models.notifications import DeliveryState
from invoices.models import BankLine, Refund
from invoices.models.bank_statements import BankLineState
from invoices.models.payment_attempts import AttemptState, RefundProvider
from lib.admin import is_allowed
from lib.admin.sandbox_switch import shows_sandbox
from lib.bounded_counts import count_bounded
from lib.translation import Text

MOST = 99
"""Maximum of a number in the menu: every page counts it, so the count is bounded."""


@dataclass(frozen=True, slots=True, eq=False)
class MenuPage:
    """
    A page of the menu.

    model: its list is the page, and users who may view its rows see it. page, permission: of other pages.
    waiting: the rows that need action. synonyms: further words under which the command bar finds the page.
    """

    title: Text
    model: str = ""
    waiting: QuerySet[Any] | None = None
    page: str = ""
    permission: str = ""
    synonyms: Text = ""

    @property
    def link(self) -> str:
        page = self.page or f"{self.model.replace('.', '_')}_changelist"
        return reverse(f"admin:{page}")

    @property
    def required_permission(self) -> str:
        """The permission required to see the page; empty for all staff."""
        return self.model.replace(".", ".view_") if self.model else self.permission


class MenuSection:
    """An entry of an area: its first page, with the others as tabs. help: the page of the docs about them."""

    def __init__(self, title: Text, help: str, *pages: MenuPage) -> None:
        self.title, self.help, self.pages = title, help, pages


class MenuArea:
    """An entry of the menu; its sections are listed while one of them is open. icon: a name of Material Symbols."""

    def __init__(self, title: Text, icon: str, *sections: MenuSection) -> None:
        self.title, self.icon, self.sections = title, icon, sections


FAILED_CLOSES = Period.objects.failed()
UNMATCHED_USAGE = UnmatchedUsage.objects.outstanding().filter(sandbox=False)
OPEN_JOBS = Job.objects.filter(state__in=OPEN_STATES)
WAITING_APPROVALS = ApprovalRequest.objects.filter(state=ApprovalState.WAITING)
BANK_LINES_TO_REVIEW = BankLine.objects.filter(state=BankLineState.REVIEW)
REFUNDS_BY_HAND = Refund.objects.filter(provider=RefundProvider.MANUAL, state=AttemptState.PENDING)
FAILED_DELIVERIES = Delivery.objects.filter(state=DeliveryState.FAILED)

AREAS = (
    MenuArea(_("Home"), "home", MenuSection(_("Home"), "architecture", MenuPage(_("Home"), page="index"))),
    MenuArea(
        _("Approvals"),
        "approval",
        MenuSection(
            _("Approvals"),
            "approvals",
            MenuPage(_("Approvals"), "access.approvalrequest", WAITING_APPROVALS, synonyms=_("approve reject")),
        ),
    ),
    MenuArea(
        _("Customers"),
        "groups",
        MenuSection(_("Customers"), "data-model", MenuPage(_("Customers"), "customers.customer")),
        MenuSection(
            _("Subscriptions"),
            "publishing",
            MenuPage(_("Subscriptions"), "billing.subscription"),
            MenuPage(_("Scheduled changes"), "billing.scheduledchange"),
            MenuPage(_("Plan migrations"), "billing.planmigration", synonyms=_("move cohort")),
        ),
        MenuSection(
            _("Usage"),
            "metering",
            MenuPage(_("Events"), "billing.event", synonyms=_("usage")),
            MenuPage(_("Unmatched usage"), "billing.unmatchedusage", UNMATCHED_USAGE, synonyms=_("reprocess")),
            MenuPage(_("Ignore rules"), "billing.ignorerule"),
            MenuPage(_("Usage corrections"), "billing.correction"),
        ),
        MenuSection(
            _("Wallets"),
            "wallets",
            MenuPage(_("Wallets"), "wallets.wallet", synonyms=_("credits prepaid balance")),
            MenuPage(_("Purchases"), "wallets.purchase"),
            MenuPage(_("Automatic top-ups"), "wallets.topuprule"),
        ),
        MenuSection(
            _("Limits"),
            "limits",
            MenuPage(_("Alerts"), "billing.alert"),
            MenuPage(_("Alert rules"), "billing.alertrule"),
            MenuPage(_("Spend caps"), "billing.spendcap"),
            MenuPage(_("Reservations"), "billing.reservation"),
        ),
    ),
    MenuArea(
        _("Revenue"),
        "bar_chart",
        MenuSection(_("Invoices"), "invoices", MenuPage(_("Invoices"), "invoices.invoice", synonyms=_("past due"))),
        MenuSection(
            _("Payments"),
            "payments",
            MenuPage(
                _("Bank statements"), "invoices.bankstatement", BANK_LINES_TO_REVIEW, synonyms=_("transfers match")
            ),
            MenuPage(_("Payment attempts"), "invoices.paymentattempt", synonyms=_("cards")),
            MenuPage(_("Refunds"), "invoices.refund", REFUNDS_BY_HAND),
            MenuPage(_("Customer balances"), "invoices.balanceentry"),
            MenuPage(_("Reconciliation"), page="payment_reconciliation", permission="invoices.view_paymentattempt"),
            MenuPage(_("Provider events"), "invoices.providerevent", synonyms=_("stripe")),
        ),
        MenuSection(
            _("Reports"),
            "revenue-reports",
            MenuPage(_("Revenue reports"), "billing.posting", synonyms=_("income deferred waterfall")),
            MenuPage(_("MRR"), page="revenue_mrr", permission="billing.view_recurringrevenue"),
            MenuPage(_("Breakage estimates"), "wallets.breakagerate"),
        ),
    ),
    MenuArea(
        _("Catalog"),
        "sell",
        MenuSection(
            _("Plans"),
            "pricing",
            MenuPage(_("Plans"), "plans.plan", synonyms=_("prices")),
            MenuPage(_("Plan versions"), "plans.planversion"),
            MenuPage(
                _("Price simulation"), page="billing_simulationresult_start", permission="billing.simulate_price"
            ),
        ),
        MenuSection(
            _("Calendar"),
            "publishing",
            MenuPage(
                _("Calendar"),
                page="calendar",
                permission="billing.view_scheduledchange",
                synonyms=_("scheduled upcoming renewals expiries"),
            ),
        ),
        MenuSection(
            _("Coupons and packs"),
            "pricing",
            MenuPage(_("Coupons"), "plans.coupon", synonyms=_("discount promotion")),
            MenuPage(_("Credit packs"), "plans.creditpack"),
        ),
        MenuSection(
            _("Features and meters"),
            "metering",
            MenuPage(_("Features"), "plans.feature"),
            MenuPage(_("Meters"), "plans.meter"),
            MenuPage(_("Unit costs"), "plans.unitcost", synonyms=_("margin")),
        ),
    ),
    MenuArea(
        _("Month end"),
        "event_available",
        MenuSection(
            _("Month end"),
            "runbook-month-end",
            MenuPage(
                _("Month end"),
                page="month_end",
                permission="invoices.view_monthlock",
                synonyms=_("close lock audit"),
            ),
        ),
        MenuSection(
            _("Invoicing"),
            "closing",
            MenuPage(_("Invoicing"), page="closing", permission="billing.view_period", synonyms=_("close run")),
            MenuPage(_("Billing periods"), "billing.period", FAILED_CLOSES),
            MenuPage(_("Jobs"), "billing.job", OPEN_JOBS),
        ),
        MenuSection(
            _("Accounting"),
            "accounting-files",
            MenuPage(_("Accounting files"), "billing.exportbatch", synonyms=_("export journal")),
            MenuPage(_("Accounting targets"), "billing.accountingtarget"),
            MenuPage(_("Accounts"), "billing.account"),
            MenuPage(_("Account mapping"), "billing.accountmapping"),
        ),
        MenuSection(
            _("Transfers"),
            "adapters",
            MenuPage(_("Sync targets"), "billing.synctarget"),
            MenuPage(_("Sync records"), "billing.syncrecord"),
            MenuPage(_("Drop targets"), "billing.droptarget", synonyms=_("warehouse")),
        ),
    ),
    MenuArea(
        _("Settings"),
        "tune",
        MenuSection(
            _("Sellers"),
            "tax",
            MenuPage(_("Sellers"), "customers.seller", synonyms=_("brand dunning company")),
            MenuPage(_("Tax rates"), "invoices.taxrate"),
            MenuPage(_("Number series"), "invoices.numberseries"),
            MenuPage(_("Exchange rates"), "customers.exchangerate"),
            MenuPage(_("Email templates"), "customers.emailtemplate"),
        ),
        MenuSection(
            _("Approval"),
            "approvals",
            MenuPage(_("Approval rules"), "access.approvalrule"),
            MenuPage(_("Publishing"), "plans.publishingrule"),
        ),
        MenuSection(
            _("Staff"),
            "access",
            MenuPage(_("Users"), "auth.user", synonyms=_("invite")),
            MenuPage(_("Groups"), "auth.group", synonyms=_("roles permissions")),
            MenuPage(_("Audit log"), page="changes", synonyms=_("history")),
        ),
        MenuSection(
            _("Developers"),
            "webhooks",
            MenuPage(_("API keys"), "customers.apikey"),
            MenuPage(_("Webhooks"), "customers.webhookendpoint"),
            MenuPage(_("Deliveries"), "customers.delivery", FAILED_DELIVERIES),
            MenuPage(_("Notifications"), "customers.notification", synonyms=_("mails")),
        ),
        MenuSection(
            _("System"),
            "sandbox",
            MenuPage(_("Test clocks"), "customers.testclock", synonyms=_("sandbox")),
            MenuPage(_("Scheduled tasks"), "django_celery_beat.periodictask"),
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class OpenEntry:
    """An area, section or page as a user sees it. waiting: the rows below it that need action, or None."""

    title: Text
    link: str
    is_current: bool
    waiting: str
    icon: str = ""
    entries: tuple["OpenEntry", ...] = ()


@dataclass(frozen=True, slots=True)
class Crumb:
    """A step of the way to a page; without a link if it is the page itself."""

    title: Text
    link: str


class Menu:
    """The menu of a request, without pages that its user may not see."""

    def __init__(self, request: HttpRequest) -> None:
        self.request = request

    @cached_property
    def pages(self) -> dict[tuple[MenuArea, MenuSection], list[MenuPage]]:
        """The allowed pages, of each section that has some."""
        allowed = {
            (area, section): [page for page in section.pages if is_allowed(self.request, page.required_permission)]
            for area in AREAS
            for section in area.sections
        }
        return {place: pages for place, pages in allowed.items() if pages}

    def find_pages(self) -> Iterator[tuple[MenuArea, MenuSection, MenuPage]]:
        """Yield every allowed page with its place."""
        for (area, section), pages in self.pages.items():
            for page in pages:
                yield area, section, page

    @cached_property
    def _current(self) -> tuple[MenuArea, MenuSection, MenuPage] | None:
        """The page of the menu that the request's page belongs to."""
        home, path = reverse("admin:index"), self.request.path
        matching = [
            place
            for place in self.find_pages()
            if path == place[2].link or (place[2].link != home and path.startswith(place[2].link))
        ]
        return max(matching, key=lambda place: len(place[2].link), default=None)

    @cached_property
    def _counts(self) -> dict[str, int]:
        waiting = {page.model: page.waiting for *_, page in self.find_pages() if page.waiting is not None}
        return count_bounded(waiting, most=MOST)

    @cached_property
    def entries(self) -> list[OpenEntry]:
        """The areas; the sections of the open one are listed."""
        return [self._area(area) for area in dict.fromkeys(area for area, _ in self.pages)]

    @cached_property
    def tabs(self) -> list[OpenEntry]:
        """The pages of the open section, if it has several."""
        if self._current is None:
            return []
        area, section, current = self._current
        pages = self.pages[area, section]
        return [self._entry(page.title, [page], page == current) for page in pages] if len(pages) > 1 else []

    @cached_property
    def crumbs(self) -> list[Crumb]:
        """The way to the request's page; the last entry has a link unless it is the page itself."""
        if self._current is None:
            return []
        area, section, page = self._current
        titles = dict.fromkeys([area.title, section.title, page.title])
        links = {area.title: self.pages[next(place for place in self.pages if place[0] == area)][0].link}
        links |= {section.title: self.pages[area, section][0].link, page.title: page.link}
        return [Crumb(title, "" if links[title] == self.request.path else links[title]) for title in titles]

    @property
    def is_on_page(self) -> bool:
        """Whether the request's page is in the menu itself, as opposed to a page below it."""
        return self._current is not None and self._current[2].link == self.request.path

    @property
    def is_sandbox(self) -> bool:
        return shows_sandbox(self.request)

    @cached_property
    def help(self) -> str:
        """The page of the docs about the open section."""
        return self._current[1].help if self._current else "architecture"

    def _area(self, area: MenuArea) -> OpenEntry:
        sections = {section: pages for (owner, section), pages in self.pages.items() if owner == area}
        current_area, current_section, _page = self._current or (None, None, None)
        listed = [
            self._entry(section.title, pages, section == current_section) for section, pages in sections.items()
        ]
        all_pages = [page for pages in sections.values() for page in pages]
        shown = tuple(listed) if len(listed) > 1 and area == current_area else ()
        return self._entry(area.title, all_pages, area == current_area, area.icon, shown)

    def _entry(
        self,
        title: Text,
        pages: list[MenuPage],
        is_current: bool,
        icon: str = "",
        entries: tuple[OpenEntry, ...] = (),
    ) -> OpenEntry:
        count = sum(self._counts.get(page.model, 0) for page in pages)
        waiting = "" if not count or entries else f"{MOST}+" if count > MOST else str(count)
        return OpenEntry(title, pages[0].link, is_current, waiting, icon, entries)
