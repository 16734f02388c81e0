"""Which readings are wrong, and how: evidence of a bin, held against the usual, at a set rate of false alarms."""
