"""Forecast errors summed up by hour and by day: small views for charts over much history."""
