"""``make watch``: what flows through a running system, live, in a terminal."""
