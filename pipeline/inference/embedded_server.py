"""The embedded llama.cpp, as a process of its own: `python -m pipeline.inference.embedded_server --model F`.

It prints one line of JSON, {"address", "context_tokens", "slots"}, when it is ready, and ends when its standard input
does: that happens however its parent dies, so no model is ever left behind.
"""

import argparse
import json
import os
import sys
from typing import Any

CONTEXT_TOKENS = 8192
SLOTS = 2
"""One for narration, one for bookkeeping, so that neither evicts the other's evaluated prefix."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--context", type=int, default=CONTEXT_TOKENS)
    given = parser.parse_args()
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    _silence()
    server = _start(given.model, given.context)
    ready = {"address": server.listening_address, "context_tokens": given.context, "slots": SLOTS}
    answers.write(json.dumps(ready) + "\n")
    answers.close()
    sys.stdin.buffer.read()
    os._exit(0)


def _silence() -> None:
    """llama.cpp writes its diary to both streams; the parent reads only our one line."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())


def _start(model: str, context_tokens: int) -> Any:
    import xllamacpp  # slow, and only this process may load it

    params = xllamacpp.CommonParams()
    params.model.path = model
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_parallel = SLOTS
    params.n_ctx = context_tokens * SLOTS
    params.ui = False
    return xllamacpp.Server(params)


if __name__ == "__main__":
    main()
