"""What an application's own false alarms taught."""

from functions.core.watch.bars import HIGHEST, Bars


def test_a_bar_rises_with_each_false_alarm_and_sinks_in_weeks() -> None:
    bars = Bars()
    bars.raise_for(["metric mean"])
    bars.raise_for(["metric mean"])
    for _ in range(5 * 2016):
        bars.sink(1.0)
    assert round(bars.of("metric mean"), 6) == 1.0
    for _ in range(5 * 2016 + 1):
        bars.sink(1.0)
    assert bars.by_sort == {}
    assert bars.of("metric mean") == 0.0


def test_a_bar_has_an_end() -> None:
    bars = Bars()
    for _ in range(100):
        bars.raise_for(["metric mean"])
    assert bars.of("metric mean") == HIGHEST
