"""Which rules are applied: profiles, a site's settings and the command line."""

from __future__ import annotations

import contextlib
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.check import main
from compliance.checker import check_paths
from compliance.registry import CRASHED
from compliance.rules import RULE_BY_ID, science_rules
from compliance.selection import PROFILES, Selection, SettingsError, read_settings
from tests.support.hand_logs import EARLY_STOPPED


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A good log with two warnings and two notes, below the working folder."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "result.txt"
    path.write_text(EARLY_STOPPED)
    return path


def rules_found(log: Path, selection: Selection) -> list[str]:
    return [finding.rule for finding in check_paths([log], selection.rules()).findings]


def test_without_a_choice_all_science_rules_are_applied(log: Path) -> None:
    assert Selection().rules() == science_rules()
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
    rules = Selection(severities={"cache-cleared": "error"}).rules()
    assert check_paths([log], rules).exit_code == 1
    assert check_paths([log]).exit_code == 0


def test_a_crashed_rule_is_reported_whatever_is_chosen() -> None:
    assert CRASHED.id in Selection(select=("run-stop",), ignore=("*",)).rules()


@given(st.lists(st.sampled_from(sorted(RULE_BY_ID))), st.lists(st.sampled_from(sorted(RULE_BY_ID))))
def test_every_rule_of_a_profile_is_applied_or_left_out(select: list[str], ignore: list[str]) -> None:
    for profile in PROFILES:
        everything = Selection(profile).rules()
        selection = Selection(profile, tuple(select), tuple(ignore))
        assert {*selection.rules(), *selection.left_out()} == set(everything)
        assert not set(selection.rules()) & set(selection.left_out())


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
        selection.rules()
    assert (raised.value.found, raised.value.remedy) == (found, remedy)


SETTINGS = 'ignore = ["set-single-run"]\n[severity]\ncache-cleared = "note"\n'


def test_settings_of_the_working_folder_are_applied_and_said(
    log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (log.parent / "compliance.toml").write_text(SETTINGS)
    assert main(["result.txt", "--ignore", "contact-present"]) == 0
    out = capsys.readouterr().out
    assert "note [cache-cleared]" in out
    assert "0 errors, 0 warnings, 2 notes, 2 rules not applied - passed" in out


def test_settings_are_named_and_stand_in_the_json(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (log.parent / "site.toml").write_text(SETTINGS)
    assert main(["result.txt", "--settings", "site.toml", "--format", "json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["profile"], report["left_out"]) == ("science", ["set-single-run"])


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
    assert "remedy:" in capsys.readouterr().out


def test_missing_settings_are_refused(log: Path) -> None:
    assert main(["result.txt", "--settings", "absent.toml"]) == 2


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_settings_are_read_or_refused(content: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        with contextlib.suppress(SettingsError):
            assert read_settings(Path(file.name)).rules()
