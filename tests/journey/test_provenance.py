"""Provenance and safety outcomes as a user asks for them: a folder from another tool, with refusals, in one spec."""

import csv
import json

import pytest

pytest.importorskip("c2pa", reason="the extra `provenance` brings c2pa-python")
from signed_images import authority, drawing, encoded, signed

SPEC = """
name: marks
generators: [{use: folder, name: model, params: {path: drawn, table: drawn.csv}}]
scorers: [{use: provenance, params: {trust: anchors.pem, survival: true}}]
metrics:
  - {use: representation, name: manifests, params: {column: provenance.c2pa}}
  - {use: representation, name: marks, params: {column: provenance.marking}}
  - {use: representation, name: types, params: {column: provenance.digital_source_type}}
  - {use: representation, name: shared, params: {column: provenance.marking_after_jpeg}}
  - {use: outcomes, params: {by: [gender, age], crossed: true}}
  - {use: disparity, params: {by: gender, outcomes: [refused, filtered], column: provenance.marking, level: as generated}}
gates:
  - {metric: outcomes.refused, where: {gender: woman, age: old}, at_most: 0.2, note: service for all}
  - {metric: outcomes.refused, where: {gender: man, age: old}, at_most: 0.5}
  - {metric: disparity.gap, where: {column: refused}, at_most: 0.9}
"""
PROMPTS, DRAWS = 12, 2


@pytest.fixture
def audit(shell):
    """12 prompts of each cell, two images of each: one signed, one not. Of old women all but two prompts are refused."""
    folder = shell.folder / "drawn"
    folder.mkdir()
    rows = []
    for sex in ("man", "woman"):
        for age in ("old", "young"):
            for place in range(PROMPTS):
                for index in range(DRAWS):
                    row = {"prompt": f"{age} {sex} {place}", "gender": sex, "age": age, "seed": str(index)}
                    if (sex, age) == ("woman", "old") and place > 1:
                        rows.append({**row, "outcome": "refused", "reason": "policy"})
                        continue
                    damaged = (sex, age, place, index) == ("man", "old", 0, 1)
                    kind = "JPEG" if damaged else "PNG"
                    file = f"{sex}-{age}-{place}-{index}.{kind.lower()}"
                    plain = encoded(kind, drawing(16, len(rows)))
                    data = signed(kind, plain) if index else plain
                    if damaged:
                        data = data.replace(b"c2pa", b"c2pb")  # the store is there and cannot be parsed
                    (folder / file).write_bytes(data)
                    rows.append({**row, "file": file})
    with (shell.folder / "drawn.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["file", "prompt", "seed", "gender", "age", "outcome", "reason"])
        writer.writeheader()
        writer.writerows(rows)
    (shell.folder / "anchors.pem").write_bytes(authority().anchor)
    shell.write("audit.yaml", SPEC)
    return shell


def test_marks_refusals_and_their_gaps_are_told_by_cell_and_gated(audit) -> None:
    done = audit.run("run", "audit.yaml", "--json")
    assert done.code == 1, done.err
    verdicts = [verdict["outcome"] for verdict in done.json["verdicts"]]
    assert verdicts == ["fail", "pass", "pass"], done.out
    found = _findings(audit, done.json["run"])
    trusted = found["manifests.share[model; label=valid, trusted signer]"]
    made = 4 * PROMPTS * DRAWS - 2 * (PROMPTS - 2)
    assert (trusted["n"], trusted["n_missing"]) == (made, 2 * (PROMPTS - 2))
    assert trusted["estimate"] == pytest.approx((made / 2 - 1) / made)
    assert trusted["interval"]["low"] < trusted["estimate"] < trusted["interval"]["high"]
    assert (trusted["correction"], "classifier" in trusted["note"]) == ("", False)
    assert found["manifests.share[model; label=unreadable]"]["estimate"] == pytest.approx(1 / made)
    assert found["types.share[model; label=trainedAlgorithmicMedia]"]["estimate"] == trusted["estimate"]
    assert found["shared.share[model; label=lost]"]["estimate"] == 1.0
    assert found["outcomes.refused[model; age=old, gender=woman]"]["estimate"] == pytest.approx(10 / 12)
    gap = found["disparity.gap[model; column=refused]"]
    assert gap["estimate"] == pytest.approx(20 / 48)
    assert gap["p_adjusted"] >= gap["p_value"]
    page = (audit.folder / done.json["run"] / "report.html").read_text()
    assert "Share of images with C2PA" in page
    assert not any(".skew" in key or ".excess_skew" in key for key in found)
    assert "from equal shares (total variation)" not in page
    assert "compliant" not in page


def test_certificates_that_are_none_stop_the_audit_before_any_work(audit) -> None:
    audit.write("anchors.pem", "nothing of the kind\n")
    done = audit.run("run", "audit.yaml")
    assert done.code == 2
    assert "provenance.trust: anchors.pem (20 bytes) holds no certificate; expected certificates in PEM" in done.err
    assert not list(audit.folder.glob("runs/*/scores"))


def _findings(shell, run: str) -> dict[str, dict]:
    found = json.loads((shell.folder / run / "findings.json").read_text())
    return {_key(one): one for one in found}


def _key(one: dict) -> str:
    where = ", ".join(f"{name}={level}" for name, level in sorted(one["where"].items()))
    return f"{one['metric']}[{one['generator']}{'; ' + where if where else ''}]"
