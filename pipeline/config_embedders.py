"""Who embeds: the embedders a configuration offers, and the choice of one written into config.toml."""

from collections.abc import Mapping

import tomlkit

from pipeline.config import load
from pipeline.config_file import parsed, validated, write_whole
from pipeline.config_paths import DataPaths
from pipeline.config_sections import File
from pipeline.inference.embedder import BUNDLED, MODEL, Choice


def save_embedder(paths: DataPaths, name: str) -> None:
    """Write down who embeds; comments and all else stay as they are, and so does the file where it says so.

    Raises:
        Invalid: the file would not be right; it is not changed.
    """
    document = parsed(paths.config)
    read = validated(File, document, paths.config)
    if (read.profile.embed or BUNDLED) in (name, MODEL if name == BUNDLED else name):
        return
    document.setdefault("profile", tomlkit.table())["embed"] = name
    validated(File, document, paths.config)
    write_whole(paths.config, tomlkit.dumps(document), 0o644)


def embedders(paths: DataPaths, environ: Mapping[str, str]) -> dict[str, Choice]:
    """Who could embed: the bundled model, and the endpoints with a model that do nothing else.

    Raises:
        Invalid: the configuration is not right.
    """
    read = validated(File, parsed(paths.config), paths.config)
    other = {read.profile.narrate, read.profile.classify, read.profile.fallback} - {read.profile.embed}
    names = [
        name
        for name, one in read.endpoint.items()
        if name not in other and one.kind != "embedded" and one.model
    ]
    return {
        BUNDLED: BUNDLED,
        **{name: load(paths, {**environ, "FABULA_EMBED": name}).embed for name in names},
    }
