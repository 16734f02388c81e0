"""Superset's configuration: loopback, one small process, synchronous queries, no call to anywhere else.

Secrets and addresses come from the environment, for none belongs in a file of the repository.
"""

import logging
import os
import sys
from pathlib import Path
from typing import Any

# Superset loads this file by its path, from wherever it was started.
if (_root := str(Path(__file__).resolve().parents[2])) not in sys.path:
    sys.path.append(_root)

from infra.superset.mongo_adapter.adapter import register
from schemas import log_lines

register()

_home = Path(os.environ["FEDLOG_SUPERSET_HOME"]).resolve()

APP_NAME = "Fedlog"
SECRET_KEY = os.environ["FEDLOG_SUPERSET_SECRET_KEY"]
SQLALCHEMY_DATABASE_URI = f"sqlite:///{_home / 'superset.db'}?check_same_thread=false"
# A dashboard's charts write their log lines at the same moment: wait for SQLite's lock rather than fail.
SQLALCHEMY_ENGINE_OPTIONS = {"connect_args": {"timeout": 30}}
UPLOAD_FOLDER = f"{_home / 'uploads'}/"

# Everybody who opens the dashboard within half a minute gets one and the same answer from MongoDB.
DATA_CACHE_CONFIG = {
    "CACHE_TYPE": "FileSystemCache",
    "CACHE_DIR": str(_home / "cache"),
    "CACHE_DEFAULT_TIMEOUT": 30,
    "CACHE_THRESHOLD": 200,
}
SUPERSET_WEBSERVER_TIMEOUT = 60
DASHBOARD_AUTO_REFRESH_MODE = "fetch"
ROW_LIMIT = 10_000
SQL_MAX_ROW = 20_000

FEATURE_FLAGS = {"ALERT_REPORTS": False, "THUMBNAILS": False, "DRILL_TO_DETAIL": False, "DRILL_BY": False}
CELERY_CONFIG = None
LOG_LEVEL = logging.WARNING
if log_lines.as_json():  # Superset sets up its own text only where nothing is set up.
    log_lines.begin("superset", LOG_LEVEL)
ALEMBIC_SKIP_LOG_CONFIG = True  # It would switch off the loggers of whoever migrates.
FAB_API_SWAGGER_UI = False
ENABLE_CORS = False
# Logging in is all a person does without a session; on loopback only the machine's own users can try.
RATELIMIT_ENABLED = False

# The address has no certificate, and the page loads nothing from elsewhere: no fonts, no map tiles, no counting pixel.
TALISMAN_CONFIG: dict[str, Any] = {
    "content_security_policy": {
        "base-uri": ["'self'"],
        "default-src": ["'self'"],
        "img-src": ["'self'", "blob:", "data:"],
        "worker-src": ["'self'", "blob:"],
        "connect-src": ["'self'"],
        "object-src": "'none'",
        "style-src": ["'self'", "'unsafe-inline'"],
        "font-src": ["'self'", "data:"],
        "script-src": ["'self'", "'strict-dynamic'"],
    },
    "content_security_policy_nonce_in": ["script-src"],
    "force_https": False,
    "session_cookie_secure": False,
}
SESSION_COOKIE_NAME = "fedlog_superset"  # Cookies ignore ports: another Superset on this machine keeps its own.
