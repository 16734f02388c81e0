"""How long the server was at it: the rest of the time is ours."""

from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent


class ServerTime(CommandListener):
    """Adds up what each command took, from its sending to its answer."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def started(self, event: CommandStartedEvent) -> None:
        """Nothing has passed yet."""

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """Add it."""
        self.seconds += event.duration_micros / 1e6

    def failed(self, event: CommandFailedEvent) -> None:
        """Add it too: the server took it."""
        self.seconds += event.duration_micros / 1e6
