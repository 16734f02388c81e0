"""How each server is installed, configured, started and watched."""
