"""Exported programs: what the loader of torch would run is refused or dropped, what a network needs is kept.

Each attack would create a marker file if the archive were opened with ``torch.export.load``.
"""

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_gans import SEEDS, Payload, drawn, exported, refused, requests, small_dcgan
from torch import Tensor, nn

from audit.errors import GenerationError
from audit.model_files.archive import pack_archive, read_archive
from audit.model_files.exported_program import load_program

Members = dict[str, bytes]
MODEL = "models/model.json"
WEIGHTS = "data/weights/model_weights_config.json"
ENUM = '[{"__enum__": true, "fqn": "evil:E", "name": "a"}]'
CODE = "__import__('os').mkdir('MARKER')"


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "marker"


def pickled(value: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def in_json(member: str, change: Callable[[Any], None]) -> Callable[[Members, Path], None]:
    def apply(members: Members, marker: Path) -> None:
        value = json.loads(members[member].decode().replace("MARKER", str(marker)))
        change(value)
        members[member] = json.dumps(value).replace("MARKER", str(marker)).encode()

    return apply


def _graph(model: Any) -> Any:
    return model["graph_module"]["graph"]


def _batch(model: Any) -> Any:
    """The expression of the batch size, as the input's shape has it."""
    z = _graph(model)["inputs"][-1]["as_tensor"]["name"]
    return _graph(model)["tensor_values"][z]["sizes"][0]["as_expr"]


def _structured(model: Any, kind: str, context: str) -> None:
    spec = [1, {"type": kind, "context": context, "children_spec": []}]
    model["graph_module"]["module_call_graph"][0]["signature"]["in_spec"] = json.dumps(spec)


def _pickled_weight(members: Members, marker: Path) -> None:
    in_json(WEIGHTS, lambda config: next(iter(config["config"].values())).update(use_pickle=True))(members, marker)
    members["data/weights/weight_0"] = pickled(Payload(marker))


def _opaque_constant(members: Members, marker: Path) -> None:
    constant = {"path_name": "opaque_obj_0", "is_param": False, "use_pickle": True, "tensor_meta": None}
    in_json("data/constants/model_constants_config.json", lambda config: config["config"].update(evil=constant))(
        members, marker
    )
    members["data/constants/opaque_obj_0"] = pickle.dumps(Payload(marker))


ATTACKS: dict[str, tuple[Callable[[Members, Path], None], str]] = {
    "pickled inputs": (
        lambda members, marker: members.update({"data/sample_inputs/model.pt": pickled((Payload(marker),))}),
        "pickled objects other than tensors",
    ),
    "pickled weight": (_pickled_weight, "stored as a pickle"),
    "opaque constant": (_opaque_constant, "pickle|opaque_obj_0"),
    "custom constant": (
        lambda members, marker: members.update({"data/constants/custom_obj_0": pickle.dumps(Payload(marker))}),
        "custom_obj_0.*not part of a network",
    ),
    "compiled library": (
        lambda members, marker: members.update({"data/aotinductor/model/lib.so": b"\x7fELF"}),
        r"lib\.so.*not part of a network",
    ),
    "shape expression": (
        in_json(MODEL, lambda model: _batch(model).update(expr_str=CODE)),
        "not plain arithmetic",
    ),
    "shape attribute": (
        in_json(MODEL, lambda model: _batch(model).update(expr_str="Integer.__class__")),
        "not plain arithmetic",
    ),
    "operator": (
        in_json(MODEL, lambda model: _graph(model)["nodes"][0].update(target="torch.os.mkdir")),
        r"torch\.os\.mkdir.*not among",
    ),
    "file operator": (
        in_json(MODEL, lambda model: _graph(model)["nodes"][0].update(target="torch.ops.aten.from_file.default")),
        r"from_file.*not among",
    ),
    "input name": (
        in_json(MODEL, lambda model: _graph(model)["inputs"][-1]["as_tensor"].update(name=f"z={CODE}")),
        "plain name",
    ),
    "input structure": (
        in_json(MODEL, lambda model: _structured(model, "evil.Type", "null")),
        "tuples, lists or dictionaries",
    ),
    "imported enum": (in_json(MODEL, lambda model: _structured(model, "builtins.dict", ENUM)), "keys that are not names"),
}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Members:
    return read_archive(exported(small_dcgan(), (torch.zeros(2, 4, 1, 1),), tmp_path_factory.mktemp("pt2") / "small.pt2"))


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_program_that_would_run_code_is_refused(attack: str, program: Members, tmp_path: Path, marker: Path) -> None:
    plant, message = ATTACKS[attack]
    members = dict(program)
    plant(members, marker)
    path = tmp_path / "evil.pt2"
    path.write_bytes(pack_archive(members, "evil").getvalue())
    refused(path, marker, message, program=path, latent=[4, 1, 1])


def test_guards_of_a_program_are_dropped_not_run(program: Members, tmp_path: Path, marker: Path) -> None:
    members = dict(program)
    in_json(MODEL, lambda model: model.update(guards_code=[f"{CODE} or True"]))(members, marker)
    path = tmp_path / "guards.pt2"
    path.write_bytes(pack_archive(members, "guards").getvalue())
    assert len(drawn(requests(SEEDS), program=path, latent=[4, 1, 1])) == len(SEEDS)
    assert not marker.exists()


def test_a_name_that_stands_twice_is_refused(program: Members, tmp_path: Path, marker: Path) -> None:
    path = tmp_path / "twice.pt2"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in program.items():
            archive.writestr(f"a/{name}", data)
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr(f"a/{MODEL}", program[MODEL])
    refused(path, marker, "same name", program=path, latent=[4, 1, 1])


def test_a_program_of_one_shape_is_explained(tmp_path: Path) -> None:
    fixed = torch.export.export(small_dcgan(), (torch.zeros(2, 4, 1, 1),))
    torch.export.save(fixed, tmp_path / "fixed.pt2")
    with pytest.raises(GenerationError, match=r"z of shape \(4, 4, 1, 1\).*first dimension is free or equals `batch`"):
        drawn(requests(SEEDS), program=tmp_path / "fixed.pt2", latent=[4, 1, 1])
    assert len(drawn(requests(SEEDS[:2]), program=tmp_path / "fixed.pt2", latent=[4, 1, 1])) == 2


class Shapes(nn.Module):
    """Uses what real generators use besides plain layers: no_grad, shape arithmetic, constants, several heads."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.1, 0.2, 0.3]).view(1, 3, 1, 1))
        self.layer = nn.Linear(4, 3 * 4 * 4)

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            z = z / z.norm(dim=1, keepdim=True)
        image = self.layer(z).reshape(z.shape[0], 3, 4, z.shape[1]) + torch.tensor([0.5])
        image = nn.functional.interpolate(image + self.mean, scale_factor=2, mode="bilinear")
        return torch.cat([image, image], dim=2), z


def test_an_honest_program_gives_what_its_module_gives(tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = Shapes().eval()
    network, kinds = load_program(exported(module, (torch.zeros(2, 4),), tmp_path / "a.pt2"), torch.device("cpu"))
    z = torch.randn(5, 4)
    torch.testing.assert_close(network(z)[0], module(z)[0])
    assert kinds == {torch.float32}
