"""Defects that can be planted in any good log of the benchmark, each with the rule that must catch it.

A mutation takes the text of a log and gives the text with one defect, or None where the log
has nothing to plant it in (no skipped scene, no early stopping).
"""

from __future__ import annotations

from tests.support.defects.mutations_events import single_events
from tests.support.defects.mutations_lines import parsing
from tests.support.defects.mutations_result import result, stopping
from tests.support.defects.mutations_timeline import epochs, order, resumptions, runs, time
from tests.support.defects.mutations_values import identity, method, parameters, values
from tests.support.log_edits import Mutation

MUTATIONS: tuple[Mutation, ...] = (
    *parsing(),
    *single_events(),
    *order(),
    *epochs(),
    *resumptions(),
    *time(),
    *runs(),
    *parameters(),
    *identity(),
    *values(),
    *method(),
    *stopping(),
    *result(),
)
