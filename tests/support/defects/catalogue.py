"""Every known defect of a log: the general ones, and those typed for one log only."""

from __future__ import annotations

import dataclasses

from tests.support.contradictions.of_logs import contradictions
from tests.support.defects import general_method, typed_events, typed_lines, typed_timeline, typed_values
from tests.support.defects.defect import Defect
from tests.support.defects.general_epochs import epochs, resumptions
from tests.support.defects.general_events import single_events
from tests.support.defects.general_identity import identity
from tests.support.defects.general_lines import parsing
from tests.support.defects.general_method import method
from tests.support.defects.general_order import order
from tests.support.defects.general_parameters import parameters
from tests.support.defects.general_result import result, stopping
from tests.support.defects.general_runs import runs
from tests.support.defects.general_scenes import scenes
from tests.support.defects.general_time import time
from tests.support.defects.general_values import values
from tests.support.defects.said import SAID

#: Defects that can be planted in any good log.
GENERAL: tuple[Defect, ...] = tuple(
    dataclasses.replace(each, said=SAID.get(each.name))
    for each in (
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
        *scenes(),
        *method(),
        *stopping(),
        *result(),
        *contradictions(),
    )
)
TYPED: tuple[Defect, ...] = (
    *typed_lines.DEFECTS,
    *typed_events.DEFECTS,
    *typed_timeline.DEFECTS,
    *typed_values.DEFECTS,
    *general_method.DEFECTS,
)
DEFECTS: tuple[Defect, ...] = (*GENERAL, *TYPED)

#: Pairs of a text with a defect and the defect, for all those whose finding is known word for word.
SAID_TEXTS: list[tuple[str, Defect]] = [
    (text, each) for each in DEFECTS if each.said and (text := each(each.said.log)) is not None
]
