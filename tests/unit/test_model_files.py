"""What generators and scorers share when they open model files: weights, devices, and what libraries say."""

from pathlib import Path

import pytest
import torch
from torch import nn

from audit.errors import InputError, OutOfMemory
from audit.model_files.failures import first_line, memory_ran_out
from audit.model_files.torch_device import exact_arithmetic, memory_errors
from audit.model_files.weight_files import fit, read_weights


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("The following operation failed in the TorchScript interpreter.\nCUDA out of memory."),
        RuntimeError("[enforce fail at alloc_cpu.cpp:119] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"),
        RuntimeError("CUDA_ERROR_OUT_OF_MEMORY"),
        RuntimeError("Failed to allocate memory for requested buffer of size 4096"),
    ],
)
def test_memory_that_runs_out_is_known_by_its_words(error: Exception) -> None:
    assert memory_ran_out(error)
    with pytest.raises(OutOfMemory, match="a batch of 3 images"), memory_errors(3):
        raise error


def test_other_errors_stay_what_they_are() -> None:
    error = RuntimeError("shapes do not match; the memory format is channels_last")
    with pytest.raises(RuntimeError) as caught, memory_errors(3):
        raise error
    assert caught.value is error


def test_the_first_line_that_says_something() -> None:
    assert first_line(ValueError("\n  \n  what is wrong  \nand more")) == "what is wrong"
    assert first_line(KeyError()) == "KeyError"
    assert len(first_line(ValueError("x" * 1000))) == 300


def test_arithmetic_is_exact_and_repeats() -> None:
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = False, True
    exact_arithmetic()
    assert torch.backends.cudnn.deterministic
    assert not torch.backends.cudnn.benchmark
    assert not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cuda.matmul.allow_tf32


def test_checkpoints_as_training_scripts_write_them(tmp_path: Path) -> None:
    trained, path = nn.Linear(3, 2), tmp_path / "checkpoint.pth"
    state = trained.state_dict()
    torch.save({"state_dict": {f"module.{name}": value for name, value in state.items()}, "epoch": 3}, path)
    found = fit(nn.Linear(3, 2), read_weights(path), str(path))
    assert all(torch.equal(value, state[name]) for name, value in found.state_dict().items())


def test_a_classifier_may_be_left_over_where_the_caller_says_so(tmp_path: Path) -> None:
    path, state = tmp_path / "w.pth", nn.Linear(3, 2).state_dict() | {"head.weight": torch.zeros(1)}
    torch.save(state, path)
    found = fit(nn.Linear(3, 2), read_weights(path), str(path), unused=("head.",))
    assert torch.equal(found.state_dict()["weight"], state["weight"])


@pytest.mark.parametrize("saved", [{}, {"epoch": 3}, {"state_dict": {}}])
def test_no_weights_at_all(saved: dict[str, object], tmp_path: Path) -> None:
    torch.save(saved, tmp_path / "w.pth")
    with pytest.raises(InputError, match="not a state dict of tensors"):
        read_weights(tmp_path / "w.pth")
