"""All known defects of logs: general ones, and those typed for one log."""

from __future__ import annotations

import dataclasses

from tests.support.contradictions.of_logs import contradictions
from tests.support.defects.defect import Defect
from tests.support.defects.general.epochs import epochs, resumptions
from tests.support.defects.general.events import single_events
from tests.support.defects.general.identity import identity
from tests.support.defects.general.lines import parsing
from tests.support.defects.general.method import DEFECTS as METHODS
from tests.support.defects.general.method import method
from tests.support.defects.general.order import order
from tests.support.defects.general.parameters import parameters
from tests.support.defects.general.result import result, stopping
from tests.support.defects.general.runs import runs
from tests.support.defects.general.scenes import scenes
from tests.support.defects.general.time import time
from tests.support.defects.general.values import values
from tests.support.defects.said import SAID
from tests.support.defects.typed.events import DEFECTS as EVENTS
from tests.support.defects.typed.lines import DEFECTS as LINES
from tests.support.defects.typed.timeline import DEFECTS as TIMELINE
from tests.support.defects.typed.values import DEFECTS as VALUES

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
TYPED: tuple[Defect, ...] = (*LINES, *EVENTS, *TIMELINE, *VALUES, *METHODS)
DEFECTS: tuple[Defect, ...] = (*GENERAL, *TYPED)

#: (text with a defect, defect), for all defects whose finding is known word for word.
SAID_TEXTS: list[tuple[str, Defect]] = [
    (text, each) for each in DEFECTS if each.said and (text := each(each.said.log)) is not None
]
