"""What the benchmarks run, and how they judge."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks.cost import ECHOED, UNECHOED, Cost, Phase, costs, with_echo
from benchmarks.measure import judge
from benchmarks.pipeline import MOST_GROWTH, MOST_MIB, heavy

FOLDER = Path(command.__file__).parent
NO_FIGURES = {
    "__init__",
    "__main__",
    "filling",
    "matching_sets",
    "matching_speed",
    "measure",
    "pictures",
    "trace",
}


def test_every_file_of_figures_has_a_name_and_all_of_them_run() -> None:
    measured = {file.stem for file in FOLDER.glob("*.py")} - NO_FIGURES
    assert set(command.NAMES.values()) == measured
    assert {command.NAMES[name] for name in command.names("all")} == measured
    assert set(command.NAMES) - set(command.names("all")) == {"import", "reimport"}
    assert command.names("import") == ["import"]


@pytest.mark.parametrize(
    ("few", "many", "wrong"),
    [
        ({"mapper": 90.0, "syncer": 80.0}, {"mapper": 91.0, "syncer": 80.0 * (1 + MOST_GROWTH)}, []),
        (
            {"mapper": 149.0, "syncer": 80.0},
            {"mapper": MOST_MIB + 1.0, "syncer": 80.0},
            ["mapper took 151 MiB, over 150"],
        ),
        ({"mapper": 80.0}, {"mapper": 101.0}, ["mapper grew from 80 to 101 MiB, by more than 25%"]),
    ],
)
def test_a_service_that_takes_much_or_grows_is_named(
    few: Mapping[str, float], many: Mapping[str, float], wrong: list[str]
) -> None:
    assert heavy(few, many) == wrong


def test_a_bad_figure_ends_with_a_word_and_a_good_one_says_nothing() -> None:
    judge("memory", "light", good=True)
    with pytest.raises(SystemExit) as ended:
        judge("memory", "light: mapper took 151 MiB", good=False)
    assert ended.value.code == "memory: NOT light: mapper took 151 MiB"


def test_a_record_costs_what_was_counted_less_what_the_idle_system_counts_in_that_time() -> None:
    busy = Phase("push", 10, 4.0, Counter({("statements", "syncer"): 100, ("statements", "relays"): 8}))
    idle = Phase("idle", 1, 2.0, Counter({("statements", "syncer"): 20, ("statements", "relays"): 4}))
    (cost,) = costs([busy], idle)
    assert cost.each == {"statements": {"syncer": 6.0, "relays": 0.0}}
    assert cost.lines() == ["push (10 records)", "  statements: 6.00 = syncer 6.00"]


def test_an_echo_costs_what_an_update_costs_more_with_it() -> None:
    update = Cost(ECHOED, 25, {"calls": {"query": 1.25, "read": 1.0}, "messages": {"views": 3.0}})
    without = Cost(UNECHOED, 25, {"calls": {"query": 1.0, "read": 1.0}})
    *_, echo = with_echo([without, update])
    assert echo.each == {"calls": {"query": 0.25, "read": 0.0}, "messages": {"views": 3.0}}
