"""All contradictions that are planted in run folders."""

from __future__ import annotations

from tests.support.folder_contradictions.contradiction import Contradiction
from tests.support.folder_contradictions.learned import masks, weights
from tests.support.folder_contradictions.logged import config, files, jobs
from tests.support.folder_contradictions.node import measured, telemetry
from tests.support.folder_contradictions.tables import metrics, timers

CONTRADICTIONS: tuple[Contradiction, ...] = (
    *metrics(),
    *timers(),
    *telemetry(),
    *measured(),
    *config(),
    *weights(),
    *masks(),
    *jobs(),
    *files(),
)
