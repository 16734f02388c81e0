"""Readings onto the log: get the data set, parse it, clean it, replay it at a chosen speed."""
