"""The web process's entry point."""

import os

from django.core.wsgi import get_wsgi_application

from config import postgres
from lib.garbage_collection import collect_rarely

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("TOLLBOOK_WEB", "1")  # bounds the statements of this process, see config/databases.py

postgres.ensure_running()
application = get_wsgi_application()
collect_rarely()
