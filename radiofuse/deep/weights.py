"""Trained encoders on disk: ``<key>.safetensors`` holds the weights, ``<key>.json`` the card that vouches for them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as tensors_of
from safetensors.torch import save as bytes_of
from torch import Tensor, nn

from radiofuse.deep.encoders.by_name import encoder_version, logit_names, make_encoder
from radiofuse.deep.encoders.gated_attention import GatedAttention
from radiofuse.deep.scaling import Scaling, scaling_from
from radiofuse.errors import BundleError, RequestError
from radiofuse.files.aside import write_aside

SCHEMA = 1
CONTENT = "inner.content"  # the bytes of a frozen encoder that came as a whole network: of any length
EXPECTED = ("encoder", "scaling", "training_ids", "training_keys")


@dataclass(frozen=True)
class TrainedEncoder:
    """An encoder whose weights lie on disk; small, and cheap to send to another process.

    Attributes
    ----------
    folder : Path
        Where weights and card lie.
    key : str
        Their name without suffix.
    card : dict
        What the encoder is and what it was trained on.
    content : bytes, optional
        Its weights, where they lie in no folder.
    """

    folder: Path
    key: str
    card: dict[str, Any] = field(repr=False, compare=False)
    content: bytes | None = field(default=None, repr=False, compare=False)

    @property
    def weights(self) -> Path:
        """The file of the weights."""
        return self.folder / f"{self.key}.safetensors"

    @property
    def scaling(self) -> Scaling:
        """How the intensities of the training pictures were scaled."""
        return scaling_from(self.card["scaling"])

    @property
    def options(self) -> dict[str, Any]:
        """The options that the encoder is made with; of a file of weights its SHA-256 alone."""
        return dict(self.card.get("options", {}))

    @property
    def frozen(self) -> bool:
        """Whether no label entered it: it has an embedding and no answer of its own."""
        return bool(self.card.get("frozen"))

    @property
    def logit_names(self) -> list[str]:
        """What its own answers are called; none of a frozen one."""
        return [] if self.frozen else logit_names(self.n_classes)

    @property
    def n_classes(self) -> int:
        """How many classes it was trained on."""
        return int(self.card.get("n_classes", 2))

    @cached_property
    def training_ids(self) -> frozenset[str]:
        """The samples it was trained on."""
        return frozenset(self.card["training_ids"])

    @cached_property
    def training_keys(self) -> frozenset[str]:
        """The content keys of the crops it was trained on."""
        return frozenset(self.card["training_keys"])

    @cached_property
    def training_pixels(self) -> frozenset[str]:
        """The digests of the pixels it was trained on, where its card names them."""
        return frozenset(self.card.get("training_pixels", ()))

    def version_warning(self) -> str:
        """Return a sentence if the encoder of that name has another version than the one that was trained."""
        name = self.card["encoder"]
        if encoder_version(name, self.card["inputs"].get("options")) == self.card["inputs"]["version"]:
            return ""
        return f"The encoder {name} has another version than when it was trained; probabilities may differ."

    def module(self) -> nn.Module:
        """Return the encoder with its weights, in eval mode on the CPU.

        Raises
        ------
        BundleError
            If the weights are absent, corrupted, or those of another architecture.
        """
        module = make_encoder(self.card["encoder"], 0, self.n_classes, self.options, with_weights=False)
        if self.card.get("pooling"):
            module.pooling = GatedAttention(self.card["embedding_dim"])
        return self.filled(module)

    def filled(self, module: nn.Module) -> nn.Module:
        """Return a module of the same architecture with the weights, in eval mode.

        Raises
        ------
        BundleError
            If the weights are absent, corrupted, or those of another architecture.
        """
        try:
            tensors = tensors_of(self.read_bytes())
        except SafetensorError as error:
            raise _corrupted(self, str(error)) from error
        _refuse_foreign(self, tensors, module.state_dict())
        module.load_state_dict(tensors)
        return module.eval()

    def copied_to(self, folder: str | Path) -> TrainedEncoder:
        """Copy weights and card into a folder and return the copy.

        Raises
        ------
        BundleError
            If the weights are absent or corrupted.
        """
        return _write(Path(folder), self.key, self.read_bytes(), self.card)

    def read_bytes(self) -> bytes:
        """Return the weights as a file has them, once they are those that the card vouches for.

        Raises
        ------
        BundleError
            If the weights are absent or corrupted.
        """
        if self.content is not None:
            return self.content
        try:
            content = self.weights.read_bytes()
        except FileNotFoundError as error:
            raise BundleError(
                f"The weights {self.weights} are not there, and their card is. Copy both files, or train again."
            ) from error
        if _sha256(content) != self.card["sha256"]:
            raise _corrupted(self, "their SHA-256 is not that of the card")
        return content


def save_encoder(folder: str | Path, key: str, module: nn.Module, card: Mapping[str, Any]) -> TrainedEncoder:
    """Write an encoder's weights, then its card, each aside and renamed.

    Parameters
    ----------
    folder : path
        Made if absent.
    key : str
        Names both files.
    module : nn.Module
    card : mapping
        At least ``encoder`` (its name), ``scaling`` (mean and sd), ``training_ids`` and ``training_keys``;
        JSON values and dataclasses of them. Key, checksum, torch version and schema are added.

    Returns
    -------
    TrainedEncoder

    Raises
    ------
    RequestError
        If the card lacks one of them.
    """
    return _write(Path(folder), key, *_content_and_card(key, module, card))


def hold_encoder(key: str, module: nn.Module, card: Mapping[str, Any]) -> TrainedEncoder:
    """Return an encoder whose weights lie in memory alone; ``copied_to`` writes them.

    Parameters
    ----------
    key, module, card
        As for ``save_encoder``.
    """
    content, card = _content_and_card(key, module, card)
    return TrainedEncoder(Path(), key, json.loads(_text_of(card)), content)


def _content_and_card(key: str, module: nn.Module, card: Mapping[str, Any]) -> tuple[bytes, dict[str, Any]]:
    """Return weights as bytes, and the card that vouches for them."""
    absent = [name for name in EXPECTED if name not in card]
    if absent:
        raise RequestError(f"The card of an encoder must say {', '.join(EXPECTED)}; it lacks {', '.join(absent)}.")
    # clones: two names of one tensor are written as two
    tensors = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in module.state_dict().items()}
    content = bytes_of(tensors)
    added = {"key": key, "sha256": _sha256(content), "torch": torch.__version__, "schema": SCHEMA}
    return content, {**card, **added}


def _text_of(card: Mapping[str, Any]) -> str:
    return json.dumps(card, indent=1, default=asdict, allow_nan=False)


def load_encoder(folder: str | Path, key: str) -> TrainedEncoder | None:
    """Return the encoder that lies under this key, or None if there is none.

    Raises
    ------
    BundleError
        If the card is damaged or that of another encoder, or the weights are absent or corrupted.

    Examples
    --------
    >>> load_encoder("nowhere", "0123") is None
    True
    """
    path = Path(folder) / f"{key}.json"
    try:
        card = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError as error:
        raise BundleError(f"The card {path} is corrupted ({error}). Copy both files again, or train again.") from error
    _check_card(path, key, card)
    trained = TrainedEncoder(Path(folder), key, card)
    trained.read_bytes()
    return trained


def _check_card(path: Path, key: str, card: Any) -> None:
    said = card if isinstance(card, dict) else {}
    absent = [name for name in (*EXPECTED, "key", "sha256", "schema") if name not in said]
    if absent:
        raise BundleError(f"{path} is no card of an encoder: it lacks {', '.join(absent)}. Copy both files again.")
    if card["schema"] != SCHEMA:
        raise BundleError(
            f"The card {path} follows schema {card['schema']!r}, and this version reads {SCHEMA}. "
            "Use the version of radiofuse that wrote it, or train again."
        )
    if card["key"] != key:
        raise BundleError(
            f"The card {path} is foreign: it belongs to the encoder {card['key']!r}. "
            "Give both files their own name back, or train again."
        )


def _write(folder: Path, key: str, content: bytes, card: dict[str, Any]) -> TrainedEncoder:
    folder.mkdir(parents=True, exist_ok=True)
    text = _text_of(card)
    trained = TrainedEncoder(folder, key, json.loads(text))
    with write_aside(trained.weights) as file:
        file.write(content)
    with write_aside(folder / f"{key}.json") as file:  # last: a card vouches for weights that are there
        file.write(text.encode())
    return trained


def _corrupted(trained: TrainedEncoder, why: str) -> BundleError:
    return BundleError(f"The weights {trained.weights} are corrupted: {why}. Copy both files again, or train again.")


def _refuse_foreign(trained: TrainedEncoder, found: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
    """Raise unless names and shapes are those of the architecture."""
    shapes = [
        {name: tuple(tensor.shape) for name, tensor in tensors.items() if not name.endswith(CONTENT)}
        for tensors in (found, wanted)
    ]
    odd = sorted({name for name, _ in shapes[0].items() ^ shapes[1].items()})
    if odd:
        got, expected = (each.get(odd[0], "nothing") for each in shapes)
        raise BundleError(
            f"The weights {trained.weights} are foreign: {len(odd)} tensors do not fit {trained.card['encoder']}, "
            f"first {odd[0]} (expected {expected}, got {got}). Name the encoder they belong to, or train again."
        )


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
