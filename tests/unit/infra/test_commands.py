"""What make says where there is nothing yet, and what the commands say to a person."""

import pytest


@pytest.mark.parametrize("command", ["status", "down", "logs", "models", "watch", "verify", "tail TOPIC=predictions"])
def test_where_nothing_is_installed_a_command_says_so_in_a_sentence(machine, command):
    (machine.build / "env" / "core" / "bin").mkdir(parents=True)
    (machine.build / "env" / "core" / "bin" / "python").touch()  # of an installation that was interrupted
    done = machine.make(*command.split())
    assert done.returncode != 0
    [sentence] = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert sentence == "Nothing is installed yet: `make up`."
    assert done.stdout == ""


def test_where_nothing_is_installed_there_is_nothing_to_delete(machine):
    done = machine.make("clean")
    assert done.returncode == 0
    assert "Nothing is installed yet" in done.stdout
