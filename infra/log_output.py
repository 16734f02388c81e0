"""What the processes of this package say, to stderr: their own words, and not each request they make."""

import logging


def begin() -> None:
    """Log from ``INFO`` on."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for chatty in ("httpx", "httpx2"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
