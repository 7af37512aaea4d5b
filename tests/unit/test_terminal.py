"""What the terminal shows: every character of a cell, and progress of work of any size."""

import pytest

from audit.records import Verdict
from audit.terminal import LINE_SECONDS, Bars, table, verdict_table

ODD = [r"a\[/b]", r"\[bold]x", "[red]y[/red]", "[/]", "[link=x]", ":smile:", "\\", r"\\[b]"]


@pytest.mark.parametrize("text", ODD)
def test_a_cell_is_shown_as_it_is(capsys: pytest.CaptureFixture[str], text: str) -> None:
    table("things", ("name",), [(text,)])
    assert text in capsys.readouterr().out


@pytest.mark.parametrize("text", ODD)
def test_a_verdict_is_shown_as_it_is(capsys: pytest.CaptureFixture[str], text: str) -> None:
    verdict_table([Verdict(gate=f"gate {text}", finding="", outcome="fail", reason=f"why {text}", decides=f"what {text}")])
    out = capsys.readouterr().out
    for words in (f"gate {text}", f"why {text}", f"what {text}", "fail"):
        assert words in out


@pytest.mark.parametrize(("total", "said"), [(3, "verify: 3 of 3 ("), (None, "verify: 3 ("), (0, "")])
def test_progress_in_a_log_says_what_is_known(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, total: int | None, said: str
) -> None:
    clock = iter(LINE_SECONDS * step for step in range(10**6))
    monkeypatch.setattr("audit.terminal.time.monotonic", lambda: next(clock))
    with Bars() as bars:
        tick = bars.begin("verify", total)
        for count in (1, 1, 1):
            tick(count)
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("verify")]
    assert len(lines) == (4 if said else 0)
    assert not said or lines[-1].startswith(said)


@pytest.mark.parametrize(("total", "said"), [(3, "draw: 0 of 3\n"), (None, "draw: 0\n"), (0, "")])
def test_a_log_says_at_once_what_has_begun(capsys: pytest.CaptureFixture[str], total: int | None, said: str) -> None:
    with Bars() as bars:
        bars.begin("draw", total)  # the first batch may take minutes
        assert capsys.readouterr().err == said


def test_a_bar_stands_at_nothing_at_once(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with Bars() as bars:
        bars.begin("draw", 7)
        assert "0/7" in capsys.readouterr().err


@pytest.mark.parametrize("total", [0, None, 2])
def test_a_bar_can_be_drawn_whatever_the_total(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, total: int | None
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with Bars() as bars:
        bars.begin("verify", total)(2)
    assert f"2/{'?' if total is None else total}" in capsys.readouterr().err
