"""Which rules are applied: profiles, a site's settings and the command line."""

from __future__ import annotations

import contextlib
import importlib
import json
import pkgutil
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance import registry
from compliance import rules as rules_package
from compliance.check import main
from compliance.checker import check_paths, with_second_opinion
from compliance.follow import follow
from compliance.registry import CRASHED, DISAGREEMENT, OWN, Rule
from compliance.rules import ALL_RULES, RULE_BY_ID, own_rules
from compliance.rules.profiles import PROFILES
from compliance.selection import Selection, SettingsError, read_settings
from tests.support.logs.hand_logs import EARLY_STOPPED, parsed


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A good log with two warnings and two notes, below the working folder."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "result.txt"
    path.write_text(EARLY_STOPPED)
    return path


def rules_found(log: Path, selection: Selection) -> list[str]:
    return [finding.rule for finding in check_paths([log], selection.rule_sets()).findings]


def test_without_a_choice_all_own_rules_are_applied(log: Path) -> None:
    assert Selection().rules(OWN) == own_rules()
    assert Selection().rule_sets().keys() == PROFILES.keys()
    assert Selection(OWN).rule_sets() == {OWN: own_rules()}
    assert Selection().left_out() == ()
    found = ["contact-present", "cache-cleared", "data-synthetic", "set-single-run"]
    assert rules_found(log, Selection()) == found


@pytest.mark.parametrize(
    ("select", "ignore", "found"),
    [
        (("cache-cleared",), (), ["cache-cleared"]),
        (("c*",), (), ["contact-present", "cache-cleared"]),
        (("c*",), ("contact-*",), ["cache-cleared"]),
        ((), ("c*", "set-*"), ["data-synthetic"]),
    ],
)
def test_rules_are_selected_and_ignored_by_id_and_pattern(
    log: Path, select: tuple[str, ...], ignore: tuple[str, ...], found: list[str]
) -> None:
    assert rules_found(log, Selection(select=select, ignore=ignore)) == found


def test_a_severity_is_changed_and_with_it_the_exit_status(log: Path) -> None:
    rules = Selection(severities={"cache-cleared": "error"}).rule_sets()
    assert check_paths([log], rules).exit_code == 1
    assert check_paths([log]).exit_code == 0


def test_a_crashed_rule_is_reported_whatever_is_chosen() -> None:
    assert CRASHED.id in Selection(select=("run-stop",), ignore=("rule-*",)).rules(OWN)


@given(st.lists(st.sampled_from(sorted(RULE_BY_ID))), st.lists(st.sampled_from(sorted(RULE_BY_ID))))
def test_every_rule_of_a_profile_is_applied_or_left_out(select: list[str], ignore: list[str]) -> None:
    for profile in PROFILES:
        everything = Selection().rules(profile)
        selection = Selection(profile, tuple(select), tuple(ignore))
        applied = everything.keys() & (set(select) if select else everything.keys()) - set(ignore)
        if not any(RULE_BY_ID[id].scope for id in applied):
            with pytest.raises(SettingsError):
                selection.rule_sets()
            continue
        assert {*selection.rules(profile), *selection.left_out()} == set(everything)
        assert not set(selection.rules(profile)) & set(selection.left_out())


@pytest.mark.parametrize(
    ("selection", "found", "remedy"),
    [
        (Selection("sience"), "no profile of this name", "did you mean science?"),
        (Selection(select=("run-stp",)), "no rule of this name", "did you mean run-stop?"),
        (Selection(ignore=("zzz-*",)), "no rule of this name", "correct the name"),
        (Selection(severities={"run-stop": "fatal"}), "no severity of this name", "correct the name"),  # type: ignore[dict-item]
    ],
)
def test_what_does_not_exist_is_refused(selection: Selection, found: str, remedy: str) -> None:
    with pytest.raises(SettingsError) as raised:
        selection.rule_sets()
    assert (raised.value.found, raised.value.remedy) == (found, remedy)


SETTINGS = 'ignore = ["set-single-run"]\n[severity]\ncache-cleared = "note"\n'


def test_settings_of_the_working_folder_are_applied_and_said(
    log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (log.parent / "compliance.toml").write_text(SETTINGS)
    assert main(["result.txt", "--ignore", "contact-present"]) == 0
    out = capsys.readouterr().out
    assert "note [cache-cleared]" in out
    assert "0 errors, 0 warnings, 2 notes, 2 rules not applied, by profile cloudmask - passed" in out


def test_settings_are_named_and_stand_in_the_json(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (log.parent / "site.toml").write_text(SETTINGS)
    assert main(["result.txt", "--settings", "site.toml", "--format", "json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["left_out"] == ["set-single-run"]
    assert report["profiles"] == {OWN: {"verdict": "passed", "logs": 1, "error": 0, "warning": 1, "note": 2}}


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"ignore = [", "Invalid value"),
        (b"\xff", "invalid start byte"),
        (b"ignored = []", "no setting of this name"),
        (b'ignore = "run-stop"', "`run-stop`"),
        (b"select = [1]", "`[1]`"),
        (b'profile = ["hpc"]', "`['hpc']`"),
        (b'severity = "error"', "`error`"),
        (b'[severity]\nrun-stop = "fatal"', "no severity of this name"),
        (b'profile = "mine"', "no profile of this name"),
        (b"ignore = " + b"[" * 5000, "recursion"),
        (b"ignore = [" + b"9" * 5000 + b"]", "4300 digits"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(
    log: Path, capsys: pytest.CaptureFixture[str], content: bytes, found: str
) -> None:
    path = log.parent / "compliance.toml"
    path.write_bytes(content)
    with pytest.raises(SettingsError) as raised:
        read_settings(path)
    assert found in raised.value.found
    assert main(["result.txt"]) == 2
    said = capsys.readouterr()
    assert "remedy:" in said.err
    assert said.out == ""


@pytest.mark.parametrize("format", ["text", "json"])
@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["--settings", "absent.toml"], "No such file or directory"),
        (["--select", "run-stp"], "no rule of this name"),
        (["--profile", "sience"], "no profile of this name"),
        (["--ignore", "*"], "no rule is left to apply"),
        (["--select", "run-stop", "--ignore", "run-stop"], "no rule is left to apply"),
        (["--select", "second-opinion", "--second-opinion"], "no rule is left to apply"),
        (["--select", "set-*", "--second-opinion"], "no rule on logs is left to apply"),
    ],
)
def test_a_wrong_choice_of_rules_is_an_error_in_every_format(
    log: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], found: str, format: str
) -> None:
    assert main([log.name, *arguments, "--format", format]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert f"found:    {found}" in said.err or f"found: {found}" in said.err
    assert "expected:" in said.err
    assert "remedy:" in said.err


def test_nothing_is_followed_without_a_rule_on_logs(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([log.name, "--follow", "--select", "set-*"]) == 2
    assert "no rule on logs is left to apply" in capsys.readouterr().err


NONE_LEFT: list[dict[str, Rule]] = [{}, {CRASHED.id: CRASHED}]


@pytest.mark.parametrize("rules", NONE_LEFT, ids=["empty", "a crash only"])
def test_an_empty_set_of_rules_is_refused_everywhere(log: Path, rules: dict[str, Rule]) -> None:
    with pytest.raises(ValueError, match="would pass anything"):
        registry.run("log", parsed(EARLY_STOPPED), rules)
    with pytest.raises(ValueError, match="would pass anything"):
        check_paths([log], {OWN: rules})
    with pytest.raises(ValueError, match="would pass anything"):
        check_paths([], {OWN: rules})
    with pytest.raises(ValueError, match="would pass anything"):
        check_paths([log], {})
    with pytest.raises(ValueError, match="would pass anything"):
        follow(log, lambda _: rules, print)
    with pytest.raises(ValueError, match="would pass anything"):
        with_second_opinion(check_paths([log]), {OWN: rules})


def test_the_set_of_all_rules_holds_every_rule_of_every_module_once() -> None:
    defined = {CRASHED, DISAGREEMENT}
    for module in pkgutil.walk_packages(rules_package.__path__, f"{rules_package.__name__}."):
        for value in vars(importlib.import_module(module.name)).values():
            members = value if isinstance(value, tuple) else (value,)  # some rules are made in tuples
            defined.update(each for each in members if isinstance(each, Rule))
    assert Counter(ALL_RULES) == Counter(defined)
    assert len({rule.id for rule in ALL_RULES}) == len(ALL_RULES) == len(RULE_BY_ID)


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_settings_are_read_or_refused(content: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        with contextlib.suppress(SettingsError):
            assert read_settings(Path(file.name)).rule_sets()
