"""How long the dashboards' charts take with much history, beside asking without roll-ups and ids."""
