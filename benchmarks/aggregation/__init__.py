"""How long a window of many devices takes to aggregate, and how much memory, beside Flower on the same arrays."""
