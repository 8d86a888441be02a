"""A device's memory: bringing batches into it, and what to do when there is too little of it."""

import torch

from tlstudio.core.errors import TrainingFailed


def to_device(values: torch.Tensor, device: torch.device) -> torch.Tensor:
    """The same values on a device. CUDA copies from pinned memory while the processor goes on."""
    if device.type == "cuda" and values.device.type == "cpu":
        values = values.pin_memory()
    return values.to(device, non_blocking=device.type == "cuda")


def free_memory(device: torch.device) -> None:
    """Give cached blocks back after too little memory was left."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def out_of_memory() -> TrainingFailed:
    remedy = "Choose a smaller network, or train on the CPU (--device cpu)."
    return TrainingFailed("the device has too little memory for even one picture", remedy=remedy)
