"""The profile of MLCommons Science: it asks any program for what the clauses ask, and no more."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmark import ROOT
from compliance import registry
from compliance.check import main
from compliance.checker import check_paths
from compliance.finding import Finding
from compliance.registry import OWN
from compliance.rules import RULE_BY_ID
from compliance.rules.profiles import PROFILES, SCIENCE, profile_of
from compliance.selection import Selection
from tests.support.logs.hand_logs import (
    COMPLETED,
    LOGS,
    TOKEN,
    edit,
    event,
    line_of,
    parsed,
    with_value,
    without_all,
)

FOREIGN = ROOT / "tests" / "data" / "foreign"
#: Of each program the errors and warnings that a reviewer would sign, and how often.
VERDICTS: dict[str, dict[str, int]] = {
    "1-letter": {},
    "2-letter-and-hpc": {},
    "3-stfc-reference": {
        **{"version-present": 1, "contact-present": 1, "science-missing": 2, "science-benchmark": 1},
        **{"division-open": 1, "event-kind": 5},
    },
    "4-nyu": {
        **{"version-present": 1, "contact-present": 1, "science-missing": 1, "event-kind": 4},
        **{"after-run-stop": 1},
    },
    "5-cloudmesh": {
        **{"commit-key": 1, "commit-format": 1, "science-commit": 1, "science-number": 1},
        **{"science-value": 1, "after-run-stop": 1, "event-kind": 1},
    },
    "6-earthquake": {
        **{"science-missing": 1, "division-open": 1, "commit-key": 1, "commit-format": 1},
        **{"science-commit": 1, "science-value": 4, "run-stop": 1},
    },
    "7-stemdl": {
        **{"version-present": 1, "contact-present": 1, "science-missing": 2, "science-benchmark": 1},
        **{"division-open": 1, "event-kind": 10},
    },
    "8-uno": {
        **{"version-present": 1, "contact-present": 1, "science-benchmark": 1, "science-number": 1},
        **{"run-stop": 1, "one-run": 1},
    },
    "9-earthquake-letter": {},
    "10-stemdl-letter": {},
}
CONFORMING = [name for name, verdict in VERDICTS.items() if not verdict]
LETTER = (FOREIGN / "2-letter-and-hpc.log").read_text()
UNO = with_value(LETTER, "submission_benchmark", "uno")


def findings(text: str) -> list[Finding]:
    return registry.run("log", parsed(text), Selection().rules(SCIENCE))


def test_every_log_of_the_folder_is_judged() -> None:
    assert {path.stem for path in FOREIGN.glob("*.log")} == VERDICTS.keys()


@pytest.mark.parametrize("name", VERDICTS)
def test_a_log_of_another_program_gets_the_findings_that_a_reviewer_would_sign(name: str) -> None:
    report = check_paths([FOREIGN / f"{name}.log"], Selection().rule_sets())
    counted: dict[str, int] = {}
    for finding in report.findings:
        assert finding.profile == SCIENCE
        if finding.severity != "note":
            counted[finding.rule] = counted.get(finding.rule, 0) + 1
    assert counted == VERDICTS[name]
    assert report.exit_code == (0 if name in CONFORMING else 1)


def test_no_finding_on_another_programs_log_tells_it_to_use_this_package() -> None:
    for id, rule in RULE_BY_ID.items():
        if PROFILES[SCIENCE].severity(SCIENCE, rule) and rule.scope == "log" and id != "no-events":
            assert "benchmark.run" not in rule.remedy, id


def test_the_profile_is_that_of_the_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ours, theirs = tmp_path / "ours" / "result.txt", tmp_path / "theirs" / "result.txt"
    for path, text in ((ours, COMPLETED), (theirs, LETTER)):
        path.parent.mkdir()
        path.write_text(text)
    published = next(LOGS.glob("hpc/*.txt"))
    training = next(LOGS.glob("training/*.txt"))
    assert [profile_of(parsed(path.read_text())) for path in (ours, theirs, published, training)] == [
        *(OWN, SCIENCE),
        *("hpc", "training"),
    ]
    assert main([str(ours), str(theirs), "--format", "json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [log["profile"] for log in report["logs"]] == [OWN, SCIENCE]
    assert {name: each["verdict"] for name, each in report["profiles"].items()} == {
        OWN: "passed",
        SCIENCE: "passed",
    }
    assert main([str(ours), str(theirs)]) == 0
    *_, own, science, total = capsys.readouterr().out.splitlines()
    assert own.startswith("profile cloudmask: 1 log, 179 events: 0 errors")
    assert science.startswith("profile science: 1 log, 38 events: 0 errors")
    assert total.startswith("2 logs, 217 events: 0 errors")
    assert all(line.endswith(" - passed") for line in (own, science, total))


def test_a_log_that_no_chosen_rule_fits_is_not_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "result.txt"
    path.write_text(LETTER)
    sets = {name: rules for name, rules in Selection().rule_sets().items() if name != SCIENCE}
    (failure,) = check_paths([path], sets).failures
    assert failure.found == "no rule of profile science, which fits it, was chosen"


def test_warnings_fail_a_strict_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "result.txt"
    path.write_text((FOREIGN / "2-letter-and-hpc.log").read_text())
    assert main([str(path), "--strict"]) == 0
    path.write_text(without_all(LETTER, "submission_poc_name"))
    assert main([str(path)]) == 0
    capsys.readouterr()
    assert main([str(path), "--strict"]) == 1
    assert capsys.readouterr().out.splitlines()[-1].endswith("- failed")


def test_a_bound_on_initialisation_is_that_of_the_open_division() -> None:
    start = event(LETTER, line_of(LETTER, "init_start"))["time_ms"]

    def taking(minutes: int) -> list[str]:
        late = edit(LETTER, "init_stop", lambda fields: fields.update(time_ms=start + minutes * 60_000))
        return [each.rule for each in findings(late) if each.rule.startswith("init-")]

    assert [taking(minutes) for minutes in (29, 31, 239, 241)] == [
        *([], ["init-long"]),
        *(["init-long"], ["init-duration"]),
    ]


def edit_all(text: str, key: str, value: object) -> str:
    lines = text.splitlines(keepends=True)
    return "".join(with_value(line, key, value) if f'"key": "{key}"' in line else line for line in lines)


def as_text(text: str, key: str) -> str:
    return edit(text, key, lambda fields: fields.update(value=str(fields["value"])))


BROKEN: dict[str, list[tuple[str, str]]] = {
    "science-benchmark": [
        (with_value(LETTER, "submission_benchmark", "CloudMask"), "`CloudMask`"),
        (with_value(LETTER, "submission_benchmark", "resnet"), "`resnet`"),
    ],
    "science-missing": [
        (without_all(LETTER, "submission_org"), "no `submission_org`"),
        (without_all(LETTER, "result"), "no `result`"),
        (
            without_all(LETTER, "submission_github_commit_version"),
            "no `github_commit_version` and no `submission_github_commit_version`",
        ),
    ],
    "science-repeated": [
        (
            LETTER + TOKEN + json.dumps(event(with_value(LETTER, "submission_org", "B"), 2)) + "\n",
            "`submission_org`",
        ),
    ],
    "science-restated": [
        (LETTER + LETTER.splitlines(keepends=True)[1], "`submission_org` 2 times"),
    ],
    "science-value": [
        (with_value(LETTER, "submission_division", {}), "`submission_division` an object of 0"),
        (with_value(LETTER, "submission_platform", ""), "`submission_platform` a string (``)"),
        (with_value(LETTER, "result", {}), "`result` an object of 0"),
        (as_text(LETTER, "result"), "`result` a string"),
        (with_value(LETTER, "eval_accuracy", 1.7), "`eval_accuracy` a number (1.7)"),
        (with_value(UNO, "eval_accuracy", 1.7).replace("eval_accuracy", "eval_loss"), ""),
    ],
    "science-metadata": [
        (edit(LETTER, "run_stop", lambda fields: fields.update(metadata={})), "`run_stop` with none"),
    ],
    "science-kind": [
        (
            edit(LETTER, "result", lambda fields: fields.update(event_type="INTERVAL_END")),
            "`result` is INTERVAL_END",
        ),
    ],
    "science-commit": [
        (with_value(LETTER, "submission_github_commit_version", "TBD"), "`TBD`"),
        (with_value(LETTER, "submission_github_commit_version", "abc"), "`abc`"),
    ],
    "science-measure": [(with_value(LETTER, "result", {"score": 3}), "fields `score`")],
    "science-target": [
        (edit_all(LETTER, "eval_accuracy", 0.5), "accuracy 0.5, the best of 3 evaluations"),
        (
            with_value(UNO, "eval_accuracy", 0.5).replace("eval_accuracy", "eval_loss"),
            "loss 0.5, the best of 3 evaluations",
        ),
    ],
    "science-number": [(as_text(LETTER, "train_samples"), "`train_samples` is the text")],
    "science-hyperparameters": [(LETTER, "no `epochs`")],
    "science-performance": [(without_all(LETTER, "cache_clear"), "no `cache_clear`")],
}


@pytest.mark.parametrize(("rule", "case"), [(rule, case) for rule, cases in BROKEN.items() for case in cases])
def test_each_rule_finds_what_breaks_it(rule: str, case: tuple[str, str]) -> None:
    text, found = case
    said = [each.found for each in findings(text) if each.rule == rule]
    if not found:
        assert not said
        return
    assert any(each.startswith(found) for each in said), said


def test_every_rule_of_science_alone_has_a_case_that_breaks_it() -> None:
    assert {id for id, rule in RULE_BY_ID.items() if rule.profiles == (SCIENCE,)} == BROKEN.keys()


def test_a_short_commit_is_a_warning_only() -> None:
    found = findings(with_value(LETTER, "submission_github_commit_version", "3f2a9c0"))
    of_commit = [(each.rule, each.severity) for each in found if "commit" in each.rule]
    assert of_commit == [("commit-format", "warning")]


@pytest.mark.parametrize(
    ("name", "email"),
    [("My Nguyen", "my.nguyen@nyu.edu"), ("Ana Example-Ruiz", "a.example@uni.org"), ("Template Lab", "")],
)
@pytest.mark.parametrize("profile", [SCIENCE, OWN])
def test_a_person_with_an_unusual_name_is_a_person(name: str, email: str, profile: str) -> None:
    text = with_value(LETTER if profile == SCIENCE else COMPLETED, "submission_poc_name", name)
    text = with_value(text, "submission_poc_email", email or "someone@nyu.edu")
    found = registry.run("log", parsed(text), Selection().rules(profile))
    assert not [each for each in found if each.rule in ("identity-real", "contact-email")]


def test_a_log_that_begins_with_run_start_is_one_run() -> None:
    log = parsed((FOREIGN / "3-stfc-reference.log").read_text())
    assert log.events[0].key == "run_start"
    assert log.second_run is None
    assert log.all("submission_org")
