"""Frozen encoders that come as a whole, network and weights in one file: TorchScript and ONNX."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from radiofuse.deep.encoders.frozen import FrozenEncoder
from radiofuse.deep.encoders.pictures import check_pictures
from radiofuse.errors import RequestError


class TorchScriptEncoder(FrozenEncoder):
    """A TorchScript file that returns an embedding (n, d) of images (n, channels, h, w).

    Parameters
    ----------
    weights : path
        What ``torch.jit.save`` wrote. It is a program: take it from whom you trust.
    channels : int, default=1
    size : int, default=224
        Pixels per side of the blank image that shows how many numbers an embedding has.

    Attributes
    ----------
    embedding_dim : int
    encoder_version : int
        Raised by hand whenever other numbers come out.
    """

    encoder_version = 1

    def __init__(self, weights: str | Path | None = None, channels: int = 1, *, size: int = 224) -> None:
        super().__init__(_Program(_torchscript, weights, channels, size))


class OnnxEncoder(FrozenEncoder):
    """An ONNX file whose first output is an embedding (n, d) of images (n, channels, h, w); computed on the CPU.

    Such a file is data: a graph of onnxruntime's own operators. Libraries of further operators are never loaded, and a
    graph that would read another file is refused before it is opened.

    Parameters
    ----------
    weights : path
        One file, weights inside.
    channels : int, default=1
    size : int, default=224
        Pixels per side of the blank image that shows how many numbers an embedding has.

    Attributes
    ----------
    embedding_dim : int
    encoder_version : int
        Raised by hand whenever other numbers come out.
    library : str
        Whose version the encoder's version holds too.
    """

    encoder_version = 1
    library = "onnxruntime"

    def __init__(self, weights: str | Path | None = None, channels: int = 1, *, size: int = 224) -> None:
        super().__init__(_Program(_onnx, weights, channels, size))


Run = Callable[[Tensor], Tensor]  # images (n, channels, h, w) to an embedding (n, d); RuntimeError if it cannot


class _Program(nn.Module):
    """A file that is run as it is. Its bytes are a buffer, so that whatever keeps an encoder's state keeps the file.

    Without a file it waits for that state.
    """

    def __init__(self, load: Callable[[bytes], Run], weights: str | Path | None, channels: int, size: int) -> None:
        super().__init__()
        self.load, self.channels, self.size, self.embedding_dim = load, channels, size, 0
        self.register_buffer("content", torch.empty(0, dtype=torch.uint8))  # (n_bytes,)
        if weights is not None:
            self._begin(_read(Path(weights)), str(weights))

    def _begin(self, content: bytes, name: str) -> None:
        try:
            self.run = self.load(content)
        except RuntimeError as error:
            raise RequestError(
                f"{name} cannot be read as a network ({_last_line(error)}). Save it again, as one file of the kind "
                "that the encoder is named after: torchscript or onnx."
            ) from error
        self.content = torch.frombuffer(bytearray(content), dtype=torch.uint8)
        self.embedding_dim = self._answer(torch.zeros(1, self.channels, self.size, self.size)).shape[1]

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *others: Any) -> None:
        content = state_dict[f"{prefix}content"]
        self._begin(content.numpy().tobytes(), "The encoder's file")

    def embed(self, x: Tensor) -> Tensor:
        check_pictures(x, self.channels, 1)
        return self._answer(x)

    def _answer(self, x: Tensor) -> Tensor:
        try:
            answer = self.run(x)
        except RuntimeError as error:
            raise RequestError(
                f"The encoder's file does not take images of shape {tuple(x.shape)} ({_last_line(error)}). Say what "
                "it was made for: channels and size in the encoder's options."
            ) from error
        if not isinstance(answer, Tensor) or answer.ndim != 2 or len(answer) != len(x):
            got = f"a tensor of shape {tuple(answer.shape)}" if isinstance(answer, Tensor) else type(answer).__name__
            raise RequestError(
                f"The encoder's file returned {got} for {len(x)} images; an embedding of shape ({len(x)}, d) was "
                "expected. Save the network without its classifier, pooled to one vector for each image."
            )
        return answer.float().to(x.device)  # (n, d)


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise RequestError(f"There is no file {path} with an encoder. Give the path of a TorchScript or ONNX file.")
    return path.read_bytes()


def _last_line(error: RuntimeError) -> str:
    return str(error).strip().rpartition("\n")[2]


def _torchscript(content: bytes) -> Run:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch prefers torch.export, whose files are no archive
        program = torch.jit.load(io.BytesIO(content), map_location="cpu").eval()
    return lambda x: program.to(x.device)(x)


# The key of a tensor that lies in another file: text of eight letters in a field of number 1, whose tag and length may
# be written with more bytes than they need.
ELSEWHERE = re.compile(rb"(?:\x0a|\x8a\x80{0,8}\x00)(?:\x08|\x88\x80{0,8}\x00)location")


def _onnx(content: bytes) -> Run:
    if ELSEWHERE.search(content):
        raise RuntimeError("it reads weights from another file; save it with its weights inside")
    try:
        import onnxruntime
        from onnxruntime.capi import onnxruntime_pybind11_state as state
    except ImportError as error:
        raise RequestError(
            f"Encoders from ONNX files need onnxruntime, which cannot be imported here ({error}). Install it: "
            "pip install 'radiofuse[onnx]'. Or save the encoder as TorchScript."
        ) from error
    failures = tuple(kind for kind in vars(state).values() if isinstance(kind, type) and issubclass(kind, Exception))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what fails is raised
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except failures as error:
        raise RuntimeError(str(error)) from error
    name = session.get_inputs()[0].name

    def run(x: Tensor) -> Tensor:
        try:
            return torch.from_numpy(session.run(None, {name: x.cpu().numpy()})[0])
        except failures as error:
            raise RuntimeError(str(error)) from error

    return run
