"""Superset: how it is provisioned and served, how it reads MongoDB, and the dashboard it shows."""
