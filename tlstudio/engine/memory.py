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


# What is raised where memory is short: torch has no type of its own for the processor's.
TOO_LITTLE_MEMORY = (RuntimeError, MemoryError)


class OutOfMemory(TrainingFailed):
    """There is too little memory for one picture."""


def is_about_memory(error: BaseException) -> bool:
    """Whether too little memory, of the device or of the processor, is what raised this."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)


def out_of_memory(device: torch.device) -> OutOfMemory:
    if device.type == "cpu":
        remedy = (
            "Close other programs and continue the run, or train anew with a smaller batch, a smaller network or fewer "
            "threads."
        )
        return OutOfMemory("there is too little memory for even one picture", remedy=remedy)
    remedy = "Choose a smaller network, or train on the CPU (--device cpu)."
    return OutOfMemory("the device has too little memory for even one picture", remedy=remedy)
