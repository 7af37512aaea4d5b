"""``onnx_model``: models exported from torch and models written by hand, against plain NumPy and torch."""

import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from tiny_gans import SEEDS, Labelled, images, requests, small_dcgan
from torch import Tensor, nn

from audit.catalog import build, build_as
from audit.component import Generator
from audit.errors import AuditError, GenerationError, InputError, OutOfMemory, SpecError
from audit.records import ClassLabel, Failed, Latent, TextPrompt
from audit.spec import Use
from audit.testing import check_generator
from generators.onnx_drawing import OnnxLatents
from generators.onnx_model import OnnxModel

FLOAT, HALF, INT64 = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.INT64


def exported(module: nn.Module, inputs: tuple[Tensor, ...], path: Path, **options: Any) -> Path:
    """Through torch's own exporter, with a free batch size."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own, of no concern here
        dynamic = tuple({0: torch.export.Dim("batch", min=1, max=64)} for _ in inputs)
        torch.onnx.export(module.eval(), inputs, str(path), dynamic_shapes=dynamic, dynamo=True, verbose=False, **options)
    return path


def written(
    path: Path, nodes: list[Any], inputs: list[Any], constants: dict[str, Any] | None = None, kind: int = FLOAT
) -> Path:
    """A model written by hand, whose nodes make ``image`` from the inputs."""
    output = helper.make_tensor_value_info("image", kind, ["a", "b", "c", "d"])
    stored = [numpy_helper.from_array(np.asarray(value), name) for name, value in (constants or {}).items()]
    graph = helper.make_graph(nodes, "g", inputs, [output], stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def z_input(kind: int = FLOAT, shape: list[Any] | None = None) -> Any:
    return helper.make_tensor_value_info("z", kind, shape or ["n", 3, 4, 4])


def planted(path: Path, node: str = "Tanh", **options: Any) -> Path:
    """``image = node(z)``, where z already has the shape of an image."""
    return written(path, [helper.make_node(node, ["z"], ["image"])], [z_input()], **options)


def drawn(asked: list[Any], **params: Any) -> list[Any]:
    model = build("generators", Use(use="onnx_model", params={"batch": len(asked), **params}))
    assert isinstance(model, Generator)
    model.check()
    with model.open("cpu") as draw:
        return list(draw(asked))


def by_seed(shape: tuple[int, ...]) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.stack([np.random.default_rng(seed).standard_normal(shape) for seed in SEEDS])


def pixels_of(image: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.rint((np.clip(image, -1, 1) + 1) * 127.5).astype(np.uint8).transpose(0, 2, 3, 1)


# ------------------------------------------------------------------------------------- agrees with torch and NumPy


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small DCGAN whose weights lie in a file beside it."""
    folder = tmp_path_factory.mktemp("onnx")
    return exported(small_dcgan(), (torch.zeros(2, 4, 1, 1),), folder / "small.onnx", external_data=True)


@pytest.mark.parametrize("external", [False, True])
def test_an_exported_network_draws_what_torch_draws(external: bool, path: Path, tmp_path: Path) -> None:
    module = small_dcgan()
    assert len(list(path.parent.iterdir())) == 2
    if not external:
        onnx.save(onnx.load(path), tmp_path / "whole.onnx")
        path = tmp_path / "whole.onnx"
    with torch.no_grad():
        wanted = pixels_of(module(torch.from_numpy(by_seed((4, 1, 1))).float()).double().numpy()).astype(int)
    found = images(drawn(requests(SEEDS), path=str(path))).astype(int)
    check_generator(build_as("generators", Use(use="onnx_model", params={"path": str(path), "batch": 3}), OnnxModel))
    assert wanted.std() > 10
    assert np.abs(found - wanted).max() <= 1


@pytest.mark.parametrize("onehot", [False, True])
def test_labels_of_an_exported_network(onehot: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = Labelled(onehot)
    example = torch.eye(3)[:2] if onehot else torch.zeros(2, dtype=torch.int64)
    path = exported(module, (torch.zeros(2, 4), example), tmp_path / "labelled.onnx")
    asked = requests(SEEDS, ClassLabel(label=2))
    labels = torch.eye(3)[[2] * 4] if onehot else torch.full((4,), 2)
    with torch.no_grad():
        wanted = pixels_of(module(torch.from_numpy(by_seed((4,))).float(), labels).double().numpy())
    found = images(drawn(asked, path=str(path), classes=3))
    assert np.abs(found.astype(int) - wanted.astype(int)).max() <= 1
    assert not np.array_equal(found, images(drawn(requests(SEEDS, ClassLabel(label=0)), path=str(path), classes=3)))
    with pytest.raises(InputError, match=r"label 3 .* 0\.\.2"):
        drawn(requests(SEEDS, ClassLabel(label=3)), path=str(path), classes=3)
    with pytest.raises(GenerationError, match="not text"):
        drawn(requests(SEEDS, TextPrompt(text="a cat")), path=str(path), classes=3)
    with pytest.raises(InputError, match=r"gets no value: a label needs `classes`|which takes z"):
        drawn(requests(SEEDS), path=str(path))


def test_half_precision_and_grey(tmp_path: Path) -> None:
    nodes = [helper.make_node("Tanh", ["z"], ["image"])]
    path = written(tmp_path / "half.onnx", nodes, [z_input(HALF, ["n", 1, 4, 4])], kind=HALF)
    found = images(drawn(requests(SEEDS), path=str(path)))
    wanted = pixels_of(np.tanh(by_seed((1, 4, 4))))
    assert found.shape == (4, 4, 4, 3)
    assert np.abs(found.astype(int) - wanted.astype(int)).max() <= 1
    assert (found[..., 0] == found[..., 2]).all()


def test_an_image_is_the_same_alone_and_among_others(path: Path) -> None:
    block = images(drawn(requests(SEEDS), path=str(path)))
    alone = images(drawn(requests([SEEDS[2]] * 4), path=str(path)))
    np.testing.assert_array_equal(alone[0], block[2])
    np.testing.assert_array_equal(images(drawn(requests(SEEDS), path=str(path))), block)


def test_truncation_is_a_truncated_normal() -> None:
    z, labels = OnnxLatents((50,), classes=3, truncation=0.5).sample(requests(range(400)))
    assert np.abs(z).max() <= 1
    assert z.std() == pytest.approx(0.5 * 0.8796, rel=0.01)  # sqrt(1 - 4 phi(2) / (2 Phi(2) - 1))
    assert set(labels.tolist()) == {0, 1, 2}


def test_further_inputs_get_their_values(tmp_path: Path) -> None:
    nodes = [helper.make_node("Mul", ["z", "gain"], ["image"])]
    gain = helper.make_tensor_value_info("gain", FLOAT, ["n", 3, 1, 1])
    path = written(tmp_path / "gain.onnx", nodes, [gain, z_input()])
    wanted = pixels_of(by_seed((3, 4, 4)) * 0.25)
    for found in (
        drawn(requests(SEEDS), path=str(path), call_params={"gain": 0.25}),
        drawn(
            requests(SEEDS), path=str(path), call_params={"gain": 0.25}, latent_input="z", output="image", latent=[3, 4, 4]
        ),
    ):
        assert np.abs(images(found).astype(int) - wanted).max() <= 1


# -------------------------------------------------------------------------------------------- broken promises, files


def test_an_image_that_is_not_finite_fails_alone(tmp_path: Path) -> None:
    products = drawn(requests(SEEDS), path=str(planted(tmp_path / "log.onnx", "Log")))
    assert all(isinstance(product, Failed) for product in products), "the logarithm of a negative z is NaN"
    total = [
        helper.make_node("ReduceSum", ["z"], ["sum"], keepdims=0),
        helper.make_node("ReduceMean", ["z"], ["each"], axes=[1, 2, 3], keepdims=1),
        helper.make_node("Log", ["each"], ["logged"]),
        helper.make_node("Mul", ["logged", "zero"], ["nothing"]),
        helper.make_node("Tanh", ["z"], ["fine"]),
        helper.make_node("Add", ["fine", "nothing"], ["image"]),
    ]
    path = written(tmp_path / "some.onnx", total[1:], [z_input()], {"zero": np.float32(0)})
    failed = [isinstance(product, Failed) for product in drawn(requests(SEEDS), path=str(path))]
    assert failed == (by_seed((3, 4, 4)).mean(axis=(1, 2, 3)) < 0).tolist()
    assert any(failed)
    assert not all(failed)


def _noise(path: Path) -> Path:
    nodes = [helper.make_node("RandomNormalLike", ["z"], ["noise"]), helper.make_node("Add", ["z", "noise"], ["image"])]
    return written(path, nodes, [z_input()])


def _count(path: Path) -> Path:
    starts = {"start": np.array([1]), "end": np.array([99])}
    return written(path, [helper.make_node("Slice", ["z", "start", "end"], ["image"])], [z_input()], starts)


def _wide(path: Path) -> Path:
    return written(path, [helper.make_node("Mul", ["z", "k"], ["image"])], [z_input()], {"k": np.float32(128)})


def _whole(path: Path) -> Path:
    return written(path, [helper.make_node("Cast", ["z"], ["image"], to=INT64)], [z_input()], kind=INT64)


def _last(path: Path) -> Path:
    return written(path, [helper.make_node("Transpose", ["z"], ["image"], perm=[0, 2, 3, 1])], [z_input()])


def _fails(path: Path) -> Path:
    node = helper.make_node("Reshape", ["z", "shape"], ["image"])
    return written(path, [node], [z_input()], {"shape": np.array([7, 3, 4, 4])})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_noise, "noise of its own"),
        (_count, "3 images came back where 4"),
        (_wide, "output_range"),
        (_whole, "int64; expected floating-point"),
        (_last, "channels first"),
        (_fails, r"fails on z of shape \(4, 3, 4, 4\)"),
    ],
)
def test_a_broken_promise_gets_one_clear_line(make: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(GenerationError, match=message) as caught:
        drawn(requests(SEEDS), path=str(make(tmp_path / "broken.onnx")))
    assert "broken.onnx" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_memory_that_runs_out_is_not_a_broken_model(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Shape", ["z"], ["shape"]),
        helper.make_node("Mul", ["shape", "far"], ["more"]),
        helper.make_node("ConstantOfShape", ["more"], ["image"]),
    ]
    path = written(tmp_path / "huge.onnx", nodes, [z_input()], {"far": np.array([2**40, 1, 1, 1])})
    with pytest.raises(OutOfMemory, match=r"huge\.onnx.*batch of 4"):
        drawn(requests(SEEDS), path=str(path))


@pytest.mark.parametrize("data", [b"", b"not a model", b"\x80\x04\x95pickle", b"\x08\x08\x12\x07pytorch:"])
def test_a_file_that_is_no_model_is_named(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "no.onnx"
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"no\.onnx: .*(0 bytes|cannot read it as an ONNX model)"):
        drawn(requests(SEEDS), path=str(path))


def test_external_tensors_are_part_of_the_identity_and_stay_in_their_folder(path: Path, tmp_path: Path) -> None:
    shutil.copytree(path.parent, tmp_path, dirs_exist_ok=True)
    path = tmp_path / path.name
    model = build("generators", Use(use="onnx_model", params={"path": str(path)}))
    before = model.fingerprint()
    (side,) = [file for file in tmp_path.iterdir() if file != path]
    data = bytearray(side.read_bytes())
    data[100] ^= 1
    side.write_bytes(data)
    assert model.fingerprint() != before
    side.rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=f"{side.name}.*not beside it"):
        model.check()
    loaded = onnx.load(path, load_external_data=False)
    for tensor in loaded.graph.initializer:
        for entry in tensor.external_data:
            entry.value = "../../etc/passwd" if entry.key == "location" else entry.value
    path.write_bytes(loaded.SerializeToString())
    with pytest.raises(InputError, match="outside its own folder"):
        drawn(requests(SEEDS), path=str(path))


def _two(path: Path) -> Path:
    return written(
        path,
        [helper.make_node("Add", ["z", "y"], ["image"])],
        [z_input(), helper.make_tensor_value_info("y", FLOAT, ["n", 3, 4, 4])],
    )


@pytest.mark.parametrize(
    ("make", "params", "message"),
    [
        (planted, {"latent_input": "w"}, r"z \(float32, \['n', 3, 4, 4\]\); none is named 'w'"),
        (planted, {"output": "picture"}, "outputs are image; none is named 'picture'"),
        (planted, {"latent": [5]}, r"does not fit \[5\]"),
        (planted, {"classes": 3}, "Set `label_input`"),
        (planted, {"label_input": "z"}, "set `classes` too"),
        (_two, {}, "which takes z"),
        (_two, {"latent_input": "z"}, "'y' gets no value"),
        (_two, {"call_params": {"y": [1, 2]}}, "do not fill"),
    ],
)
def test_inputs_that_do_not_fit_are_listed(make: Any, params: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        drawn(requests(SEEDS), path=str(make(tmp_path / "model.onnx")), **params)


def test_a_fixed_batch_size_and_an_open_latent(tmp_path: Path) -> None:
    node = [helper.make_node("Tanh", ["z"], ["image"])]
    fixed = written(tmp_path / "fixed.onnx", node, [z_input(shape=[2, 3, 4, 4])])
    with pytest.raises(InputError, match="fixed to 2: set `batch: 2`"):
        drawn(requests(SEEDS), path=str(fixed))
    assert len(drawn(requests(SEEDS[:2]), path=str(fixed))) == 2
    free = written(tmp_path / "free.onnx", node, [z_input(shape=["n", 3, "h", "w"])])
    with pytest.raises(InputError, match="leaves its size open"):
        drawn(requests(SEEDS), path=str(free))
    assert images(drawn(requests(SEEDS), path=str(free), latent=[3, 6, 5])).shape == (4, 6, 5, 3)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "exactly one of path and pack"),
        ({"path": "a.onnx", "pack": "b", "file": "c"}, "exactly one of path and pack"),
        ({"pack": "b"}, "pack and file go together"),
        ({"path": "a.onnx", "truncation": 0}, "truncation"),
        ({"path": "a.onnx", "lable_input": "y"}, "did you mean 'label_input'"),
    ],
)
def test_wrong_parameters_are_named(params: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        build("generators", Use(use="onnx_model", params=params))


def test_identity_and_settings(tmp_path: Path) -> None:
    path = planted(tmp_path / "model.onnx")
    model = build("generators", Use(use="onnx_model", params={"path": str(path), "truncation": 0.5}))
    assert isinstance(model, Generator)
    assert model.numerics("cpu") == {
        "onnxruntime": onnxruntime.__version__,
        "provider": "CPUExecutionProvider",
        "tf32": "off",
    }
    assert model.settings()["truncation"] == "psi 0.5, towards zero"
    assert model.accepts() == (Latent,)
    with pytest.raises(AuditError, match="no such file"):
        build("generators", Use(use="onnx_model", params={"path": str(tmp_path / "absent.onnx")})).check()
