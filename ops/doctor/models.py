"""The models: whether the endpoints of the configuration answer and have what they are asked for."""

import hashlib
from collections.abc import Iterator

import trio

from ops.doctor.checks import Finding, Patient, ok, skipped, wrong
from pipeline.endpoints import BUNDLED
from pipeline.inference.embedder import OFF, bundled_folder, open_embedder
from pipeline.inference.endpoints import Profile, open_endpoint
from pipeline.inference.errors import EndpointFailed
from pipeline.inference.gguf import bundled_model, checked_model
from pipeline.inference.lines import Patience
from pipeline.inference.minilm_process import DIGESTS
from pipeline.inference.openai import model_name
from store.errors import ErrorClass, FabulaError, alone

PATIENCE = Patience(connect_s=3.0, first_s=10.0, between_s=10.0, decide_s=5.0)
EMBED_S = 30.0


def endpoints(on: Patient) -> Iterator[Finding]:
    """Whether whoever narrates, decides and steps in can be reached and names a model."""
    if on.config is None:
        yield skipped("The configuration is not right.")
        return
    uses = {
        "narrates": on.config.narrator or BUNDLED,
        "decides": on.config.classifier,
        "steps in": on.config.fallback,
    }
    for use, profile in uses.items():
        if profile is not None:
            yield _endpoint(on, use, profile)


def _endpoint(on: Patient, use: str, profile: Profile) -> Finding:
    try:
        model = _embedded(profile) if profile.kind == "embedded" else trio.run(_model_of, profile)
    except (FabulaError, BaseExceptionGroup) as group:
        error = alone(group)
        if not isinstance(error, FabulaError):
            raise
        return wrong(f"{profile.name} ({use}): {error.message}", _mend(on, profile, error))
    if not model:
        return wrong(f"{profile.name} ({use}) does not say which models it has.", _edit(on, profile))
    return ok(f"{profile.name} {use} with {model}.")


def _mend(on: Patient, profile: Profile, error: FabulaError) -> str:
    unheard = isinstance(error, EndpointFailed) and error.error_class in (
        ErrorClass.CONNECTION,
        ErrorClass.TIMEOUT,
    )
    return f"Start the server. {_edit(on, profile)}" if unheard else error.hint or _edit(on, profile)


def _edit(on: Patient, profile: Profile) -> str:
    return f"Correct [endpoint.{profile.name}] in {on.paths.config}, or: {on.command('connect URL')}"


def _embedded(profile: Profile) -> str:
    """Its file is looked at, not loaded: a large one takes minutes."""
    return (checked_model(profile.model_path) if profile.model_path else bundled_model()).name


async def _model_of(profile: Profile) -> str:
    async with open_endpoint(profile, patience=PATIENCE) as endpoint:
        await endpoint.probe()
        return model_name(endpoint.model) or ""


def embedder(on: Patient) -> Iterator[Finding]:
    """Whether texts can be embedded."""
    if on.config is None:
        yield skipped("The configuration is not right.")
        return
    choice = on.config.embed
    if choice == OFF:
        yield ok("No embedder is wanted: memories are found by their words.")
        return
    try:
        if isinstance(choice, Profile):
            dimensions = trio.run(_embedded_with, choice)
            yield ok(f"{choice.name} embeds with {choice.model}, {dimensions} dimensions.")
        else:
            yield _bundled()
    except (FabulaError, BaseExceptionGroup) as group:
        error = alone(group)
        if not isinstance(error, FabulaError):
            raise
        yield wrong(f"The embedder: {error.message} {error.detail}".strip(), error.hint)


async def _embedded_with(profile: Profile) -> int:
    with trio.fail_after(EMBED_S):
        async with open_embedder(profile) as one:
            return len((await one.embed(["a ship at sea"]))[0]) if one is not None else 0


def _bundled() -> Finding:
    """Its files, compared with what was published; loading it would take seconds."""
    folder = bundled_folder()
    for name, digest in DIGESTS.items():
        with (folder / name).open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != digest:
                return wrong(f"{folder / name} is not the published file.", "make install")
    return ok("The bundled embedder is installed, its files are whole.")
