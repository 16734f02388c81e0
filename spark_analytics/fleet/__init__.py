"""Fleet analytics: what a device-day, a week or a night of alarms comes to, as events of their own topic."""
