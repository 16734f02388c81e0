"""The dashboards as code: ``python -m infra.superset.dashboards`` writes all of ``infra/superset/assets``."""
