"""``gan`` opens files from strangers: none of them may run code, and each gets one clear line.

Every file here that carries a payload would create a marker file if it were opened in the ordinary way.
"""

import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from tiny_gans import SEEDS, SMALL, Payload, drawn, exported, refused, requests, saved, scripted, small_dcgan
from torch import Tensor, nn

from audit.errors import GenerationError, InputError, WeightsError
from audit.model_files.archive import pack_archive, read_archive

Members = dict[str, bytes]
FACTORY = {"factory": "generators.dcgan:generator", "factory_params": SMALL, "latent": [4, 1, 1]}


class Saving(nn.Module):
    def forward(self, z: Tensor) -> Tensor:
        torch.save(z, "marker")
        return z


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "marker"


# ---------------------------------------------------------------------------------------------------------- weights


def test_the_payload_is_real(marker: Path) -> None:
    pickle.loads(pickle.dumps(Payload(marker)))
    assert marker.exists()


@pytest.mark.parametrize("name", ["G.pkl", "G.pt", "G.pth", "G.tar"])
def test_a_pickle_is_refused_and_the_way_out_named(name: str, tmp_path: Path, marker: Path) -> None:
    path = tmp_path / name
    path.write_bytes(pickle.dumps({"G_ema": Payload(marker)}))
    refused(path, marker, "Converting a StyleGAN pickle", **FACTORY, weights=path)
    for kind in ("torchscript", "program"):
        refused(path, marker, "pickle|not a torch archive", **{kind: path}, latent=[4])


def test_a_checkpoint_with_objects_is_refused_and_they_are_named(tmp_path: Path, marker: Path) -> None:
    path = tmp_path / "checkpoint.pth"
    torch.save({"state": small_dcgan().state_dict(), "extra": Payload(marker)}, path)
    refused(path, marker, r"posix\.mkdir|nt\.mkdir", **FACTORY, weights=path, state_key="state")
    torch.save({"state": small_dcgan()}, path)
    refused(path, marker, r"generators\.dcgan\._Generator", **FACTORY, weights=path, state_key="state")


def test_weights_that_do_not_fit_are_named(tmp_path: Path) -> None:
    state = small_dcgan().state_dict()
    state["main.9.weight"] = state.pop("main.0.weight")
    state["main.1.bias"] = torch.zeros(5)
    save_file(state, tmp_path / "odd.safetensors")
    with pytest.raises(WeightsError) as caught:
        drawn(requests(SEEDS), **FACTORY, weights=tmp_path / "odd.safetensors")
    absent, left, misshapen = "1 weights absent (main.0.weight)", "1 left over (main.9.weight)", "main.1.bias (5,) for (8,)"
    for part in ("odd.safetensors", absent, left, misshapen):
        assert part in str(caught.value)


def test_a_state_key_that_is_not_there_names_those_that_are(tmp_path: Path, marker: Path) -> None:
    path = tmp_path / "checkpoint.pth"
    torch.save({"netG": small_dcgan().state_dict(), "epoch": 3}, path)
    refused(path, marker, "no 'netD'.*epoch, netG", **FACTORY, weights=path, state_key="netD")
    refused(path, marker, "epoch, netG; set `state_key`", **FACTORY, weights=path)
    refused(path, marker, "not a state dict", **FACTORY, weights=path, state_key="epoch")


@pytest.mark.parametrize("name", ["broken.safetensors", "broken.pth"])
@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 and then nothing", b"\x00" * 64])
def test_a_broken_weight_file_is_named(name: str, data: bytes, tmp_path: Path, marker: Path) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    refused(path, marker, "not readable|not a checkpoint", **FACTORY, weights=path)


def test_factory_parameters_that_it_does_not_take(tmp_path: Path) -> None:
    weights = saved(small_dcgan(), tmp_path)
    with pytest.raises(InputError, match=r"factory_params.*height"):
        drawn(requests(SEEDS), **{**FACTORY, "factory_params": {"height": 8}}, weights=weights)
    with pytest.raises(InputError, match="power of two"):
        drawn(requests(SEEDS), **{**FACTORY, "factory_params": {"side": 48}}, weights=weights)
    with pytest.raises(GenerationError, match=r"returned str; expected a torch\.nn\.Module"):
        drawn(requests(SEEDS), factory="builtins:str", weights=weights, latent=[4])


# ------------------------------------------------------------------------------------------------------- TorchScript


def with_members(path: Path, change: Callable[[Members], None]) -> Path:
    members = read_archive(path)
    change(members)
    path.write_bytes(pack_archive(members, "archive").getvalue())
    return path


def test_code_that_touches_files_is_refused(tmp_path: Path, marker: Path) -> None:
    path = scripted(Saving(), tmp_path / "saving.pt")
    refused(path, marker, "uses 'save'", torchscript=path, latent=[4])
    path = scripted(small_dcgan(), tmp_path / "foreign.pt")
    member = next(name for name in read_archive(path) if name.startswith("code/"))
    call = b"\n    _9 = ops . image . decode_any(z)\n"
    with_members(path, lambda members: members.update({member: members[member] + call}))
    refused(path, marker, "ops . image", torchscript=path, latent=[4])


def test_a_planted_pickle_in_a_script_never_runs(tmp_path: Path, marker: Path) -> None:
    path = scripted(small_dcgan(), tmp_path / "small.pt")
    with_members(path, lambda members: members.update({"data.pkl": pickle.dumps(Payload(marker), protocol=2)}))
    refused(path, marker, "cannot load it", torchscript=path, latent=[4, 1, 1])
    path = scripted(small_dcgan(), tmp_path / "other.pt")
    with_members(path, lambda members: members.update({"evil.so": b"\x7fELF"}))
    refused(path, marker, "'evil.so' does not belong", torchscript=path, latent=[4, 1, 1])


def test_other_files_are_not_taken_for_scripts(tmp_path: Path, marker: Path) -> None:
    checkpoint = tmp_path / "state.pt"
    torch.save(small_dcgan().state_dict(), checkpoint)
    refused(checkpoint, marker, "weights alone need .*`factory`", torchscript=checkpoint, latent=[4])
    program = exported(small_dcgan(), (torch.zeros(2, 4, 1, 1),), tmp_path / "a.pt2")
    refused(program, marker, r"a \.pt2 file is a `program`", torchscript=program, latent=[4])
    refused(checkpoint, marker, "not an exported program", program=checkpoint, latent=[4])
    bomb = tmp_path / "bomb.pt"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data/0", bytes(80 * 2**20))
    refused(bomb, marker, "compressed", torchscript=bomb, latent=[4])
