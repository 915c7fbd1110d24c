"""Settings: one file; the environment decides. docs/production.md lists every variable."""

from pathlib import Path

import environ
import moneyed
import pghistory

from config import broker, csp, databases, dev_defaults, encryption_key, postgres, schedule
from config.admin_site import theme
from lib.currencies import MINOR_UNITS

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

DEBUG = env.bool("TOLLBOOK_DEBUG", default=False)
# Production is declared, never guessed: a machine without configuration gets the defaults of development, which
# accept only this machine's own names.
PRODUCTION = env.bool("TOLLBOOK_PRODUCTION", default=False)
SECRET_KEY = env.str("TOLLBOOK_SECRET_KEY", default="") or dev_defaults.secret_key(production=PRODUCTION)
ALLOWED_HOSTS = env.list("TOLLBOOK_HOSTS", default=[] if PRODUCTION else ["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("TOLLBOOK_ORIGINS", default=[])

INSTALLED_APPS = [
    "config.apps.PlatformConfig",
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "unfold.contrib.inlines",
    "config.apps.AdminSiteConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.forms",  # the renderer below finds its templates here
    "django.contrib.postgres",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "djmoney",
    "django_celery_beat",
    "pgtrigger",
    "pghistory",
    "csp",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.usersessions",
    "access",
    "plans",
    "customers",
    "invoices",
    "wallets",
    "billing",
    "demo",
    "benchmarks",
]

MIDDLEWARE = [
    # The first four are around everything, so that each response has their headers: probes, static files and the
    # problems of the API as well.
    "config.cache_policy.no_store",
    "config.csp.PolicyByPath",
    "customers.portal.own_host.recognize_host",
    "django.middleware.security.SecurityMiddleware",
    "config.health.probes",  # before middleware that may reject or query the database for a session
    # Around all that may fail, so that each failure has the same form.
    "customers.api_keys.middleware.ApiMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "access.sign_in.session_limits.SessionLimitMiddleware",
    "access.sign_in.second_factor.SecondFactorMiddleware",
    "access.sign_in.step_up.StepUpMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "customers.portal.own_host.serve_portal_only",
    "pghistory.middleware.HistoryMiddleware",
]

# A benchmark serves its own URLs: the product's, and an empty view to compare with.
ROOT_URLCONF = env.str("TOLLBOOK_URLCONF", default="config.urls")
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "access.sign_in.frame.frame",
            ]
        },
    }
]

# Widgets of our own have their templates in `templates`, too.
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

# Data -------------------------------------------------------------------------------------------------------

DATABASES = {"default": databases.from_url(postgres.url(), web=env.bool("TOLLBOOK_WEB", default=False))}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TIME_ZONE = "UTC"
USE_TZ = True
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch"), ("fr", "Français"), ("es", "Español")]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = ["config.formats"]
EMAIL_CONFIG = env.email("EMAIL_URL", default="consolemail:")
vars().update(EMAIL_CONFIG)
DEFAULT_FROM_EMAIL = env.str("TOLLBOOK_FROM_EMAIL", default="billing@localhost")
EMAIL_TIMEOUT = 15  # seconds
# The public URL of the portal, for links in emails; the request's origin if empty.
PUBLIC_URL = env.str("TOLLBOOK_URL", default="").rstrip("/")

# Outgoing messages and retention ------------------------------------------------------------------------------

# Keys that encrypt stored secrets; the first one encrypts. Without any, one is derived from the secret key.
ENCRYPTION_KEYS = env.list("TOLLBOOK_ENCRYPTION_KEYS", default=[]) or [encryption_key.key_from(SECRET_KEY)]
# Hosts of the own network that webhooks may go to, also over http and to any port.
OUTBOUND_PRIVATE_HOSTS = [host.lower() for host in env.list("TOLLBOOK_PRIVATE_HOSTS", default=[])]
# Retention by kind of data: docs/personal-data.md#retention. 0 means permanently; config/retention.py has the least
# values, which a check enforces.
EVENT_RETENTION_DAYS = env.int("TOLLBOOK_EVENT_RETENTION_DAYS", default=0)
HISTORY_RETENTION_DAYS = env.int("TOLLBOOK_HISTORY_RETENTION_DAYS", default=0)
# The default of the next three.
NOTIFICATION_RETENTION_DAYS = env.int("TOLLBOOK_NOTIFICATION_RETENTION_DAYS", default=90)
DELIVERY_RETENTION_DAYS = env.int("TOLLBOOK_DELIVERY_RETENTION_DAYS", default=NOTIFICATION_RETENTION_DAYS)
MAIL_RETENTION_DAYS = env.int("TOLLBOOK_MAIL_RETENTION_DAYS", default=NOTIFICATION_RETENTION_DAYS)
PROVIDER_MESSAGE_RETENTION_DAYS = env.int(
    "TOLLBOOK_PROVIDER_MESSAGE_RETENTION_DAYS", default=NOTIFICATION_RETENTION_DAYS
)
JOB_RETENTION_DAYS = env.int("TOLLBOOK_JOB_RETENTION_DAYS", default=90)
BANK_LINE_RETENTION_DAYS = env.int("TOLLBOOK_BANK_LINE_RETENTION_DAYS", default=400)
SIMULATION_RETENTION_DAYS = env.int("TOLLBOOK_SIMULATION_RETENTION_DAYS", default=400)
IDEMPOTENCY_RETENTION_HOURS = env.int("TOLLBOOK_IDEMPOTENCY_RETENTION_HOURS", default=24)
# Days after its last subscription after which a customer without open amounts is erased automatically.
CUSTOMER_RETENTION_DAYS = env.int("TOLLBOOK_CUSTOMER_RETENTION_DAYS", default=0)
# Days for which the history keeps the URL of each change, which may name customers.
ADDRESS_RETENTION_DAYS = env.int("TOLLBOOK_ADDRESS_RETENTION_DAYS", default=0)
# The directory that folders of the data drop lie below; without it, only buckets are possible.
DROP_DIRECTORY = env.str("TOLLBOOK_DROP_DIRECTORY", default="")

# Payment ----------------------------------------------------------------------------------------------------

STRIPE_SECRET_KEY = env.str("TOLLBOOK_STRIPE_SECRET_KEY", default="")
STRIPE_WEBHOOK_SECRETS = env.list("TOLLBOOK_STRIPE_WEBHOOK_SECRETS", default=[])  # two during a rotation
STRIPE_ACCOUNT = env.str("TOLLBOOK_STRIPE_ACCOUNT", default="")  # the account that events must belong to, if set
# The payment methods that Stripe's pages offer, such as card and sepa_debit; without any, those enabled at Stripe.
STRIPE_PAYMENT_METHODS = env.list("TOLLBOOK_STRIPE_PAYMENT_METHODS", default=[])
# Origins that the portal's payment pages may redirect to.
PAYMENT_PAGES = env.list("TOLLBOOK_PAYMENT_PAGES", default=["https://checkout.stripe.com"])
STRIPE_API_BASE = env.str("TOLLBOOK_STRIPE_API_BASE", default="https://api.stripe.com")

# Files ------------------------------------------------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT = Path(env.str("TOLLBOOK_STATIC_ROOT", default="") or dev_defaults.static_folder())
STATICFILES_DIRS = [BASE_DIR / "static"] if (BASE_DIR / "static").is_dir() else []
COLLECTED = "whitenoise.storage.CompressedManifestStaticFilesStorage"
AS_THEY_ARE = "django.contrib.staticfiles.storage.StaticFilesStorage"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": COLLECTED if PRODUCTION else AS_THEY_ARE},
}
WHITENOISE_USE_FINDERS = not PRODUCTION
WHITENOISE_ALLOW_ALL_ORIGINS = False
# Fits a batch of 1,000 events with many properties; Django's default of 2.5 MiB would reject it.
DATA_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024
# Fits a price sheet of a thousand rates in four currencies.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5_000

# Security ---------------------------------------------------------------------------------------------------

CONTENT_SECURITY_POLICY = {"DIRECTIVES": csp.STRICT}
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SECURE_SSL_REDIRECT = PRODUCTION
# The API refuses unencrypted requests, so that a caller notices them; probes have no TLS.
SECURE_REDIRECT_EXEMPT = ["^api/", "^livez$", "^readyz$"]
# A year, as browsers' preload lists require.
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = PRODUCTION
SECURE_HSTS_PRELOAD = PRODUCTION
SESSION_COOKIE_SECURE = PRODUCTION
CSRF_COOKIE_SECURE = PRODUCTION
CSRF_COOKIE_HTTPONLY = True
# Browsers accept these names only from this host itself, and over HTTPS.
COOKIE_PREFIX = "__Host-" if PRODUCTION else ""
SESSION_COOKIE_NAME = f"{COOKIE_PREFIX}sessionid"
CSRF_COOKIE_NAME = f"{COOKIE_PREFIX}csrftoken"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"  # needs no cookie of its own
# Only a proxy that sets this header itself can be trusted, so this must be enabled explicitly.
BEHIND_PROXY = env.bool("TOLLBOOK_BEHIND_PROXY", default=False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
# Sign-in of staff: docs/security.md#sign-in ------------------------------------------------------------------

LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "admin:index"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
    )
] + [{"NAME": "access.sign_in.passwords.OwnWordsValidator"}]
SESSION_COOKIE_AGE = 12 * 3600  # a working day
SESSION_IDLE_SECONDS = 60 * env.int("TOLLBOOK_IDLE_MINUTES", default=60)
# Age from which a sign-in is too old for sensitive acts, which ask for the password or a factor again; 0: never.
STEP_UP_SECONDS = 60 * env.int("TOLLBOOK_STEP_UP_MINUTES", default=15 if PRODUCTION else 0)
# Groups whose members need a second factor, or “all”; superusers need it unless nobody does.
SECOND_FACTOR_GROUPS = env.list("TOLLBOOK_SECOND_FACTOR", default=["all"] if PRODUCTION else [])
ACCOUNT_ADAPTER = "access.sign_in.adapter.StaffAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"  # an administrator enters the mailbox
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_EMAIL_NOTIFICATIONS = True  # of a changed password and a new or removed second factor
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_LOGOUT_REDIRECT_URL = LOGIN_URL
ACCOUNT_SESSION_REMEMBER = False  # the session ends with the browser, or after SESSION_COOKIE_AGE
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False
ACCOUNT_RATE_LIMITS = {"login": None}  # counted by RATE_LIMITS instead
MFA_ADAPTER = "access.sign_in.adapter.StaffMfaAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_USER_VERIFICATION = "required"  # a passkey alone is two factors: the device, and its PIN or fingerprint
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not PRODUCTION
MFA_TOTP_ISSUER = "Tollbook"
# Single sign-on by OpenID Connect, if it is configured. The provider's groups map to groups here.
OIDC_URL = env.str("TOLLBOOK_OIDC_URL", default="")
OIDC_GROUPS = env.dict("TOLLBOOK_OIDC_GROUPS", default={})
OIDC_GROUPS_CLAIM = env.str("TOLLBOOK_OIDC_GROUPS_CLAIM", default="groups")
# Whether the provider asks everyone for a second factor, so that none of ours is needed.
OIDC_HAS_SECOND_FACTOR = env.bool("TOLLBOOK_OIDC_HAS_SECOND_FACTOR", default=False)
SOCIALACCOUNT_ADAPTER = "access.sign_in.single_sign_on.SingleSignOnAdapter"
# A link leads to the provider at once. A form could not: the content security policy forbids it to be redirected.
SOCIALACCOUNT_LOGIN_ON_GET = True
SOCIALACCOUNT_PROVIDERS = {
    "openid_connect": {
        "OAUTH_PKCE_ENABLED": True,
        "SCOPE": env.list("TOLLBOOK_OIDC_SCOPES", default=["openid", "profile", "email"]),
        "APPS": [
            {
                "provider_id": "sso",
                "name": env.str("TOLLBOOK_OIDC_NAME", default="single sign-on"),
                "client_id": env.str("TOLLBOOK_OIDC_CLIENT_ID", default=""),
                "secret": env.str("TOLLBOOK_OIDC_CLIENT_SECRET", default=""),
                "settings": {"server_url": OIDC_URL},
            }
        ]
        if OIDC_URL
        else [],
    }
}
CACHES = {
    # Used codes and counts of allauth, which all processes must share.
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "access_cache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},  # beyond them, used codes could be forgotten
    },
    "memory": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},  # figures of staff pages, for seconds
}

# Requests per seconds that each caller may send, counted across all processes: docs/security.md#rate-limits.
RATE_LIMITS = {
    "key": env.str("TOLLBOOK_API_RATE", default="120000/60s"),  # stops a runaway client
    "address": env.str("TOLLBOOK_ANONYMOUS_RATE", default="600/60s"),  # requests without a key, or an invalid one
    "sign-in": env.str("TOLLBOOK_SIGN_IN_RATE", default="30/60s"),  # of staff, by address
    "portal-links": env.str("TOLLBOOK_PORTAL_LINK_RATE", default="20/3600s"),  # by address, which an office shares
    "mailbox": env.str("TOLLBOOK_MAILBOX_RATE", default="5/3600s"),  # emailed links to one person
    # A person mistypes a code a few times; a guesser needs thousands of attempts.
    "promotion-codes": env.str("TOLLBOOK_CODE_RATE", default="10/600s"),
}

# API --------------------------------------------------------------------------------------------------------

# Named here, so that apps that may not import each other (plans, customers) share them.
REST_FRAMEWORK = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["lib.api.parsers.StrictJsonParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "lib.api.parsers.JsonOnlyNegotiation",
    "DEFAULT_METADATA_CLASS": None,
    "DEFAULT_AUTHENTICATION_CLASSES": ["customers.api_keys.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["customers.api_keys.permissions.HasScope"],
    "DEFAULT_THROTTLE_CLASSES": ["access.rate_limits.throttle.ApiKeyThrottle"],
    "DEFAULT_FILTER_BACKENDS": ["lib.api.filters.QueryParameterFilter"],
    "DEFAULT_PAGINATION_CLASS": "lib.api.pagination.CursorPagination",
    "DEFAULT_SCHEMA_CLASS": "lib.api.schema.ApiSchema",
    "EXCEPTION_HANDLER": "lib.api.problems.handle_exception",
    "UNAUTHENTICATED_USER": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
# Gives the API's POSTs one effect per Idempotency-Key; see lib.api.operations.
IDEMPOTENT_ANSWER = "customers.api_keys.idempotency.answer_once"
SPECTACULAR_SETTINGS = {
    "TITLE": "Tollbook",
    "DESCRIPTION": "Send usage, read its cost, and get invoices.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVERS": [{"url": PUBLIC_URL or "/"}],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "lib.api.schema.allow_either"],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "Currency": "lib.api.fields.CURRENCY_CODES",
        "PriceCurrency": "plans.api.preview.PRICE_CURRENCIES",
        "InvoiceState": "invoices.models.invoices.InvoiceState",
        "SubscriptionState": "billing.models.subscriptions.SubscriptionState",
        "VersionState": "plans.models.versions.VersionState",
        "AttemptState": "invoices.models.payment_attempts.AttemptState",
        "LineKind": "invoices.models.invoices.LineKind",
        "FeeKind": "plans.models.prices.FeeKind",
        "AlertKind": "billing.models.alerts.AlertKind",
        "CeilingSetter": "wallets.models.topups.CeilingSetter",
        "MigrationTiming": "billing.models.plan_migrations.MigrationTiming",
    },
}

# History ----------------------------------------------------------------------------------------------------

# Triggers record every change of the data that finance edits, also by raw SQL; the history is append-only.
PGHISTORY_DEFAULT_TRACKERS = (pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
PGHISTORY_APPEND_ONLY = True

# Tasks ------------------------------------------------------------------------------------------------------

CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default=broker.DEFAULT)
CELERY_BROKER_TRANSPORT = broker.TRANSPORT if CELERY_BROKER_URL == broker.DEFAULT else None
CELERY_BROKER_TRANSPORT_OPTIONS = broker.transport_options(CELERY_BROKER_URL, database_url=postgres.url())
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
# The task of a worker that dies is run again, and results are not stored: the tables state the progress.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
# The soft limit raises an exception within the task 30 seconds before the hard one kills its process.
CELERY_TASK_TIME_LIMIT = broker.TASK_SECONDS
CELERY_TASK_SOFT_TIME_LIMIT = broker.TASK_SECONDS - 30
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_MAX_TASKS_PER_CHILD = 500
CELERY_WORKER_MAX_MEMORY_PER_CHILD = 512 * 1024  # KiB, checked after each task
CELERY_WORKER_ENABLE_REMOTE_CONTROL = CELERY_BROKER_URL != broker.DEFAULT
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_REDIRECT_STDOUTS = False
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 1  # seconds; also the longest that beat takes to stop
CELERY_BEAT_SYNC_EVERY = 1  # each run is stored at once, for /readyz
CELERY_BEAT_SCHEDULE = schedule.SCHEDULE

# Providers of an email's parts, of an invoice's sentence and the invoice before it, and of its last pages, usage and
# wallets: customers is below invoices, and invoices below billing and wallets, and can't import them.
EMAIL_FILES = "invoices.rendering.email_files.read_email_files"
EMAIL_DETAILS = (
    "invoices.documents.email_details.read_details",
    "wallets.purchases.email_details.read_details",
    "billing.subscriptions.email_details.read_names",
)
EMAIL_EXPLANATIONS = "invoices.explanation.email_explanations.read_email_explanations"
INVOICE_SUMMARY = "invoices.explanation.document_summary.read_summary"
FORMER_INVOICES = "billing.closing.former_invoices.find_former_invoices"
INVOICE_USAGE = "billing.metering.usage.invoice_appendix.read_invoice_usage"
INVOICE_WALLETS = "wallets.statements.invoice_appendix.wallets_of_invoice"
# Likewise for the usage that a wallet's ongoing balance deducts, for the sellers of restricted staff users, and for
# the saved views of staff, and for the time zones in which staff name dates.
STAFF_SELLERS = "customers.models.staff_sellers.read_staff_sellers"
STAFF_LIST_VIEWS = "access.saved_views.read_list_views"
STAFF_TIME_ZONES = "customers.models.sellers.read_seller_zones"
UNINVOICED_USAGE = "billing.closing.uninvoiced_usage.read_uninvoiced_usage"

# Replaceable functions: docs/tax.md#calculators, #vat-ids.
TAX_CALCULATOR = env.str("TOLLBOOK_TAX_CALCULATOR", default="invoices.tax.rates.by_rates")
TAX_NUMBER_CHECK = env.str("TOLLBOOK_TAX_NUMBER_CHECK", default="")
# Dotted path of the checks that `manage.py audit --recompute` also runs; they ship with the source only.
# The address that gets the audit log, and the secret that signs it ("whsec_…").
AUDIT_WEBHOOK_URL = env.str("TOLLBOOK_AUDIT_WEBHOOK_URL", default="")
AUDIT_WEBHOOK_SECRET = env.str("TOLLBOOK_AUDIT_WEBHOOK_SECRET", default="")
AUDIT_ORACLE = env.str("TOLLBOOK_AUDIT_ORACLE", default="tests.oracle.CHECKS")

# Currencies with a minor unit that the money library knows; metals, funds and long-withdrawn currencies are not
# offered.
CURRENCIES = [code for code in MINOR_UNITS if code in moneyed.CURRENCIES]

# Libraries --------------------------------------------------------------------------------------------------

UNFOLD = theme.UNFOLD
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"()": "config.logs.PlainFormatter"}},
    "handlers": {"stdout": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "plain"}},
    "root": {"handlers": ["stdout"], "level": env.str("TOLLBOOK_LOG_LEVEL", default="INFO")},
    "loggers": {
        "django": {"handlers": [], "propagate": True},
        "django.server": {"handlers": [], "propagate": True},
        # WeasyPrint and fontTools log every glyph.
        "weasyprint": {"level": "WARNING"},
        "fontTools": {"level": "WARNING"},
        # httpx logs each URL that it posts to; the outcome of a delivery is in its row.
        "httpx": {"level": "WARNING"},
        "stripe": {"level": "WARNING"},  # logs each request
    },
}
