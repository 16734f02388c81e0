"""Prepare Superset: its metadata, the administrator, the dashboard. Does only what has changed since the last time.

Run with Superset's interpreter, from anywhere: ``python infra/superset/provision.py``.
"""

import logging
import os
import shutil
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
if __name__ == "__main__":
    sys.path[0] = str(HERE.parents[1])  # The repository, not this folder, whose module names are common words.

from infra.superset import stamp  # noqa: E402
from schemas import log_lines  # noqa: E402

USER = "admin"

logger = logging.getLogger("fedlog.superset")


def prepare() -> None:
    """Do the steps that are due, in order; each is marked done when it is. Quick where nothing has changed.

    Raises:
        KeyError: a variable of ``superset_config.py``, or ``FEDLOG_SUPERSET_PASSWORD``, is not set.
    """
    home = Path(os.environ["FEDLOG_SUPERSET_HOME"])
    home.mkdir(parents=True, exist_ok=True)
    marks = home / "provisioned.json"
    password = os.environ["FEDLOG_SUPERSET_PASSWORD"]
    wanted = stamp.wanted(HERE, version("apache-superset"), os.environ["FEDLOG_SUPERSET_SECRET_KEY"], password)
    done = stamp.read(marks) if (home / "superset.db").exists() else {}
    made = Path(os.environ["FEDLOG_SUPERSET_TEMPLATES"]) / f"metadata-{wanted['metadata'][:16]}.db"
    if "metadata" not in done:
        _put_aside(home / "superset.db")
        done = _from_template(made, home / "superset.db", wanted)
        stamp.write(marks, done)
    steps = stamp.due(done, wanted)
    if not steps:
        logger.info("Superset is prepared: nothing has changed")
        return
    with _step("loading Superset"):
        app = _app()
    work: dict[str, Callable[[], None]] = {
        "metadata": _metadata,
        "administrator": lambda: _administrator(password),
        "assets": _assets,
    }
    with app.app_context():
        for name in steps:
            work[name]()
            done = {**done, name: wanted[name]}
            stamp.write(marks, done)
            if name == "metadata" and not made.exists():
                _keep(home / "superset.db", made)


def _put_aside(database: Path) -> None:
    """Start afresh where the first migration was cut off: half-migrated metadata may not migrate any further."""
    for suffix in ("", "-journal"):
        left = database.with_name(database.name + suffix)
        if left.exists():
            logger.warning("%s was not finished: starting afresh", left.name)
            left.replace(database.with_name(f"{database.name}.unfinished{suffix}"))


def _from_template(made: Path, database: Path, wanted: dict[str, str]) -> dict[str, str]:
    """Take the metadata that an earlier home of this installation was prepared with; say what is done by that."""
    if not made.exists():
        return {}
    fresh = database.with_suffix(".new")
    shutil.copyfile(made, fresh)
    fresh.replace(database)
    logger.info("metadata taken from %s", made.name)
    return {"metadata": wanted["metadata"]}


def _keep(database: Path, made: Path) -> None:
    """Keep the metadata for later homes: tables, roles and permissions, no user and no secret yet."""
    made.parent.mkdir(parents=True, exist_ok=True)
    fresh = made.with_suffix(f".{os.getpid()}")
    fresh.unlink(missing_ok=True)
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(fresh)) as target:
        source.backup(target)
    fresh.replace(made)


def _app() -> Any:
    os.environ["SUPERSET_CONFIG_PATH"] = str(HERE / "superset_config.py")
    from superset.app import create_app

    app = create_app()
    logger.setLevel(logging.INFO)
    for chatty, level in {"alembic": logging.WARNING, "py.warnings": logging.ERROR}.items():
        logging.getLogger(chatty).setLevel(level)
    return app


def _metadata() -> None:
    import flask_migrate  # type: ignore[import-untyped]
    import superset
    from superset import appbuilder, db, security_manager

    with _step("migrating the metadata"):
        flask_migrate.upgrade(directory=str(Path(superset.__file__).parent / "migrations"))
    with _step("setting up roles and permissions"):
        appbuilder.add_permissions(update_perms=True)
        security_manager.sync_role_definitions()
        db.session.commit()


def _administrator(password: str) -> None:
    from superset import security_manager

    with _step(f"setting up the user {USER}"):
        user = security_manager.find_user(username=USER)
        if user is not None:
            security_manager.reset_password(user.id, password)
            return
        role = security_manager.find_role("Admin")
        if not security_manager.add_user(USER, "Fedlog", "Admin", f"{USER}@localhost", role, password=password):
            raise RuntimeError(f"Superset would not add the user {USER}: see its log above")


def _assets() -> None:
    from flask import g  # type: ignore[import-not-found]
    from superset import security_manager
    from superset.commands.importers.v1.assets import ImportAssetsCommand

    folder = HERE / "assets"
    contents = {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*.yaml"))}
    with _step(f"importing the dashboard ({len(contents)} files)"):
        g.user = security_manager.find_user(username=USER)
        ImportAssetsCommand(contents).run()


@contextmanager
def _step(what: str) -> Iterator[None]:
    logger.info("%s", what)
    began = time.monotonic()
    yield
    logger.info("%s took %.1f s", what, time.monotonic() - began)


if __name__ == "__main__":
    log_lines.begin("superset")
    prepare()
