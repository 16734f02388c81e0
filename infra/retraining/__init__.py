"""The same readings again, under other settings: what the fleet would have learned."""
