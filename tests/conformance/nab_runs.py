"""The detector on the labelled series of ../shared/nab, scored by the scorer that lies there.

``python -m tests.conformance.nab_runs [RESULTS]`` prints what docs/detection.md reports (some minutes): ours, a
windowed Gaussian, ours without one kind of evidence each, and what is left where constants and threshold are selected
on one half of the files and scored on the other.
"""

from __future__ import annotations

import csv
import importlib.util
import math
import random
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean
from types import ModuleType
from typing import Any

from functions.core.detect import model
from functions.core.detect.calibration import Calibration
from functions.core.detect.series import Point, State, step, update

NAB = Path(__file__).parents[3] / "shared" / "nab"
SPLITS = 5

Points = list[tuple[float, float]]
Detector = Callable[[Points], list[float]]

VARIANTS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "FORGET 0.99": {"FORGET": 0.99},
    "FORGET 0.998": {"FORGET": 0.998},
    "AGAIN 1.05": {"AGAIN": 1.05},
    "AGAIN 1.3": {"AGAIN": 1.3},
    "OF_HOUR 0": {"OF_HOUR": 0.0},
    "OF_HOUR 0.6": {"OF_HOUR": 0.6},
    "FLOOR 0.003": {"FLOOR": 0.003},
    "FLOOR 0.03": {"FLOOR": 0.03},
    "SMOOTHED shorter": {"SMOOTHED": (4, 16, 64)},
    "SMOOTHED longer": {"SMOOTHED": (9, 36, 144)},
    "CRY_MEMORY 0.003": {"CRY_MEMORY": 0.003},
    "ERRORS 0.05": {"ERRORS": 0.05},
    "SCALE 0.02": {"SCALE": 0.02},
    "CLIP 12": {"CLIP": 12.0},
}
"""Neighbours of the constants, among which cross-validation selects."""


def ours(points: Points) -> list[float]:
    """Our scores."""
    return [result.score for result in update(None, points)[1]]


def windowed_gaussian(points: Points) -> list[float]:
    """The baseline: how improbable a value is where the last day's (288 points) are normally distributed."""
    window: deque[float] = deque()
    total = squares = 0.0
    scores = []
    for _, value in points:
        count = len(window)
        middle = total / count if count > 30 else value
        spread = math.sqrt(max(0.0, squares / count - middle**2)) if count > 30 else 0.0
        scores.append(1 - math.erfc(abs(value - middle) / (spread or 1e-9) / math.sqrt(2)))
        window.append(value)
        gone = window.popleft() if count == 288 else 0.0
        total, squares = total + value - gone, squares + value**2 - gone**2
    return scores


def read(path: Path) -> Points:
    """Times (seconds since 1970) and values."""
    with path.open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    return [(datetime.fromisoformat(time).replace(tzinfo=UTC).timestamp(), float(value)) for time, value in rows]


def write(results: Path, detector: Detector, files: Iterable[str]) -> None:
    """One CSV of scores for each data file, as the scorer wants it."""
    for name in files:
        scores = detector(read(NAB / "data" / name))
        (results / name).parent.mkdir(parents=True, exist_ok=True)
        (results / name).write_text("anomaly_score\n" + "".join(f"{score!r}\n" for score in scores))


class Scorer:
    """The scorer of ../shared/nab on folders of results."""

    def __init__(self) -> None:
        spec = importlib.util.spec_from_file_location("nab_score", NAB / "nab_score.py")
        assert spec
        assert spec.loader
        self.scorer: ModuleType = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.scorer)
        self.labels = self.scorer.read_labels(NAB / "labels" / "combined_windows.json")
        self.files = sorted(self.labels)
        self.profiles = list(self.scorer.PROFILES)
        self.known: dict[tuple[Path, tuple[str, ...]], Any] = {}

    def corpus(self, results: Path, files: Iterable[str]) -> Any:
        """The scorer's own view of some files."""
        key = (results, tuple(files))
        if key not in self.known:
            self.known[key] = self.scorer.Corpus(results, NAB / "data", self.labels, list(files))
        return self.known[key]

    def parts(self, corpus: Any, profile: str, threshold: float) -> tuple[float, float]:
        """Score over that of silence, and the most there is of it."""
        raw, _, _ = corpus.at(profile, threshold)
        silence = sum(corpus.null(profile, at) for at in range(len(corpus.files)))
        return sum(raw) - silence, corpus.nwin - silence

    def score(self, results: Path, profile: str, files: Iterable[str] = (), threshold: float | None = None) -> float:
        """0 for silence, 100 for perfection; at a threshold, or at the best one, as published detectors are scored."""
        corpus = self.corpus(results, files or self.files)
        part, most = self.parts(corpus, profile, corpus.optimise(profile) if threshold is None else threshold)
        return 100 * part / most if most else math.nan

    def halves(self, seed: int) -> tuple[list[str], list[str]]:
        """The files in two, each category too."""
        chance, halves = random.Random(seed), ([], [])  # type: ignore[var-annotated]
        shuffled = sorted(chance.sample(self.files, len(self.files)), key=lambda name: name.split("/")[0])
        for at, name in enumerate(shuffled):
            halves[at % 2].append(name)
        return halves

    def cross_validated(self, candidates: list[Path]) -> dict[str, float]:
        """By profile, the mean over splits: candidate and threshold selected on one half, scored on the other, both
        ways."""
        scores: dict[str, list[float]] = {profile: [] for profile in self.profiles}
        for seed in range(SPLITS):
            one, other = self.halves(seed)
            for profile in self.profiles:
                found = most = 0.0
                for tuned_on, scored_on in ((one, other), (other, one)):
                    best = max(candidates, key=lambda each: self.score(each, profile, tuned_on))
                    threshold = self.corpus(best, tuned_on).optimise(profile)
                    part, whole = self.parts(self.corpus(best, scored_on), profile, threshold)
                    found, most = found + part, most + whole
                scores[profile].append(100 * found / most)
            self.known.clear()
        return {profile: mean(each) for profile, each in scores.items()}


@contextmanager
def constants(changed: dict[str, Any]) -> Iterator[None]:
    """Other constants of the model for a while."""
    before = {name: getattr(model, name) for name in changed}
    try:
        for name, value in changed.items():
            setattr(model, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(model, name, value)


def without(kind: int) -> Detector:
    """Ours, without a kind of evidence."""

    class Silent(Calibration):
        def surprise(self, value: float) -> float:
            super().surprise(value)
            return 0.0

    def detect(points: Points) -> list[float]:
        state = State()
        if kind < 4:
            state.model.up[kind], state.model.down[kind] = Silent(), Silent()
        elif kind == 4:
            state.model.record = Silent()
        else:
            state.model.restless = Silent()
        return [step(state, Point(*point)).score for point in points]

    return detect


def main(results: Path) -> None:
    """Prints the figures."""
    scorer = Scorer()

    def measured(name: str, detector: Detector) -> Path:
        write(results / name, detector, scorer.files)
        print(f"{name:<28}", *(f"{scorer.score(results / name, profile):5.1f}" for profile in scorer.profiles))
        return results / name

    for name, detector in (("ours", ours), ("windowed Gaussian", windowed_gaussian)):
        folder = measured(name, detector)
        corpus = scorer.corpus(folder, scorer.files)
        threshold = corpus.optimise("standard")
        for category in sorted({each.split("/")[0] for each in scorer.files}):
            files = [each for each in scorer.files if each.startswith(category)]
            print(f"  {category:<26} {scorer.score(folder, 'standard', files, threshold):5.1f}")
        print("  threshold cross-validated", scorer.cross_validated([folder]))
    for kind, name in enumerate(model.KINDS):
        measured(f"ours without {name}", without(kind))
    candidates = []
    for name, changed in VARIANTS.items():
        with constants(changed):
            candidates.append(measured(name, ours))
    print("mean of these", round(mean(scorer.score(each, "standard") for each in candidates), 1))
    print("constants and threshold cross-validated", scorer.cross_validated(candidates))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        main(Path(sys.argv[1] if len(sys.argv) > 1 else scratch))
