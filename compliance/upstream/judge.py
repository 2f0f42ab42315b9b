"""Ask the compliance checker of mlperf_logging about logs. Run by compliance/upstream/second_opinion.py.

    python -I judge.py LOG...

Prints a JSON list with [verdict, messages] for every log, or an object {"missing": why} if the
checker is not installed. Imports only the standard library and mlperf_logging: in the interpreter's
isolated mode it cannot import the rest of this project.
"""

from __future__ import annotations

import functools
import json
import logging
import resource
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
#: The only rule files that are read. `open` comes from our files, never from a log's text.
RULE_FILES = tuple(f"science_0.5.0/{name}.yaml" for name in ("common", "open_common", "open_cloudmask"))
#: The upstream parser that reads the lines; those of 3.0.0 and later are the same.
PARSER = "4.1.0"
#: The most messages of a log, and characters of a message, that are passed on.
MESSAGES, WIDTH = 20, 300
#: Limits of this process: bytes of memory (upstream needs 7 times the log), bytes of output.
MEMORY_BYTES = 4 * 2**30
OUTPUT_BYTES = 16 * 2**20


def main(logs: list[str]) -> None:
    """Judge every log; a failure with one becomes its answer and does not stop the others."""
    bound(resource.RLIMIT_AS, MEMORY_BYTES)
    bound(resource.RLIMIT_FSIZE, OUTPUT_BYTES)
    logging.disable(logging.CRITICAL)
    try:
        from mlperf_logging.compliance_checker import mlp_compliance
    except ImportError as error:
        print(json.dumps({"missing": str(error)[:WIDTH]}))
        return

    def enqueue(name: str) -> None:
        if name not in RULE_FILES:
            raise ValueError(f"not a rule file of ours: {name[:WIDTH]}")
        mlp_compliance.enqueued_configs.append(str(FOLDER / name))

    # The engine would look in its own folder, for any name.
    mlp_compliance.enqueue_config = enqueue
    # The engine reads its rule files again for each log, which takes longer than judging one.
    yaml, load = mlp_compliance.yaml, mlp_compliance.yaml.load
    fast = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    cached = functools.cache(lambda text: load(text, Loader=fast))
    yaml.load = lambda stream, Loader: cached(stream.read())
    answers = []
    for log in logs:
        mlp_compliance.enqueued_configs.clear()  # a crash leaves some behind
        # Treat warnings as errors: otherwise an event repeated with the same value is only a warning.
        checker = mlp_compliance.make_checker("science", PARSER, quiet=False, werror=True)
        try:
            passed = checker.check_file(log, RULE_FILES[0])
        except Exception as error:
            answers.append(("crashed", [f"{type(error).__name__}: {error}"[:WIDTH]]))
            continue
        messages = [f"{key}: {short(message)}" for key, message in checker.overwritable.items()]
        messages += map(short, checker.not_overwritable)
        answers.append(("passed" if passed else "failed", messages[:MESSAGES]))
    print(json.dumps(answers))


def bound(what: int, most: int) -> None:
    """Lower a limit of this process, unless it is already lower."""
    _, hard = resource.getrlimit(what)
    if hard == resource.RLIM_INFINITY or most < hard:
        resource.setrlimit(what, (most, most))


def short(message: str) -> str:
    """Return a message without the log line and the state of the rules that it quotes."""
    head, _, _ = message.partition("\ncurrent context")
    lines = [line.strip() for line in head.splitlines()]
    said = (line for line in lines if not line.startswith((":::MLLOG", "triggered by line")))
    return " ".join(said)[:WIDTH]


if __name__ == "__main__":
    main(sys.argv[1:])
