"""Whatever goes wrong: in the end every event is accounted for exactly once, and no query saw anything else."""

from hypothesis import given
from hypothesis import strategies as st

from .histories import bounded, histories, play, sources


@bounded(1.0)
@given(histories, sources, st.booleans())
def test_every_event_is_accounted_for_once_whatever_goes_wrong(history, source, partitions):
    play(history, source, partitions=partitions)
