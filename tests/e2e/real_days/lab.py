"""The four real days of the Intel Lab: where they are, and what they come to."""

from infra.settings import ROOT

DATA = ROOT.parent / "shared" / "data" / "intel_lab" / "real_20040304_20040307.txt.gz"
READINGS, REJECTED = 373_195, 2_116
DAYS, DEVICES = 4, 52
WINDOWS = DAYS * 48 - 6
"""Versions at the least. The last windows stay open: the log ends before anything on it says that they have."""
