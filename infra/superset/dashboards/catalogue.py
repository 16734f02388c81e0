"""The dashboards there are."""

from infra.superset.dashboards import device, fleet_insights, fleet_now, global_model, stream_and_batch

DASHBOARDS = (
    fleet_now.DASHBOARD,
    device.DASHBOARD,
    global_model.DASHBOARD,
    stream_and_batch.DASHBOARD,
    fleet_insights.DASHBOARD,
)
