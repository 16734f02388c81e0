"""The rules as a command line takes them: what would fail every window is refused before the first."""

import click
import pytest
from click.testing import CliRunner

from aggregator_stream.fold.membership import choose, summands
from aggregator_stream.fold.state import Located
from aggregator_stream.options import rules, with_rules
from tests.unit.aggregator_stream.fleet import RULES, START, WINDOW, standing, update


def run(*argv):
    """The rules, or what is said instead."""

    @click.command()
    @with_rules
    def command(**options):
        raise click.ClickException(repr(rules(**options)[4:13]))

    done = CliRunner().invoke(command, argv)
    return done.exit_code, done.output


@pytest.mark.parametrize("name", ["--staleness-exponent", "--promotion-margin"])
@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "191", "10.1", "-0.1", "much"])
def test_a_number_that_windows_cannot_go_by_is_refused_by_name(name, value):
    code, said = run(name, value)
    assert code == 2
    assert f"Invalid value for '{name}'" in said


def test_what_windows_can_go_by_is_taken():
    code, said = run("--staleness-exponent", "10", "--promotion-margin", "0")
    assert code == 1
    assert "10.0" in said


def test_the_stalest_update_there_can_be_still_counts_under_the_largest_exponent():
    last = 2**62
    strict = RULES._replace(staleness_exponent=10.0, staleness_bound=2**63 - 1)
    state = standing(strict, last)
    pair = [update("mote-01", 1, 10, base_version=last), update("mote-02", 1, 10, base_version=0)]
    chosen = choose(strict, state, START + WINDOW, [Located(one, 0, n) for n, one in enumerate(pair)])
    found = [summand.discount for _, summand in summands(strict, state.standing, chosen)]
    assert found[0] == 1
    assert 0 < found[1] < 1e-100


@pytest.mark.parametrize("said", ["tau=0", "b1=1", "learning_rate=nan"])
def test_a_parameter_that_the_strategy_cannot_have_is_refused_with_the_setting(said):
    code, text = run("--strategy", "fedadam", "--strategy-parameters", said)
    assert code == 2
    assert f"--strategy fedadam --strategy-parameters '{said}'" in text
