"""The embedded llama.cpp, as a process of its own: `python -m pipeline.inference.embedded_server --model F`.

It prints one line of JSON, {"address": …}, once it can answer, and ends when its standard input does: that
happens however its parent dies, so no model is ever left behind. Only this module loads llama.cpp, and it
imports nothing of ours, so that starting it costs only the model.
"""

import argparse
import contextlib
import http.client
import json
import os
import signal
import sys
import threading
import time
from typing import Any
from urllib.parse import urlsplit

KEY_VARIABLE = "FABULA_EMBEDDED_KEY"
SLOTS = 2
"""One for narration, one for bookkeeping, so that neither evicts the other's evaluated prefix."""
BATCH_TOKENS = 256
"""Cancelling, and the other slot, wait for the batch being read: 2,048 tokens are ten seconds on two cores,
256 one, and reading is not slower for it."""


def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--name", default="embedded")
    parser.add_argument("--context", type=int, default=4096, help="tokens for each slot")
    given = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then ends us
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # llama.cpp writes its diary to both streams; the parent reads our one line from stdout
    threading.Thread(target=_end_with_parent, daemon=True).start()
    server = _start(given.model, given.name, given.context)
    _wait_until_healthy(server.listening_address)
    answers.write(json.dumps({"address": server.listening_address}) + "\n")
    answers.close()
    threading.Event().wait()


def _end_with_parent() -> None:
    """Leave at once: llama.cpp keeps nothing that needs saving, and its own shutdown waits for requests."""
    while os.read(0, 4096):
        pass
    os._exit(0)


def _start(model: str, name: str, context_tokens: int) -> Any:  # noqa: ANN401 - it has no types
    import xllamacpp  # noqa: PLC0415 - after the arguments are known to be right

    params = xllamacpp.CommonParams()
    params.model.path = model
    params.model_alias = {name}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [os.environ[KEY_VARIABLE]] if os.environ.get(KEY_VARIABLE) else []
    params.n_parallel = SLOTS
    params.n_ctx = context_tokens * SLOTS  # without a unified cache each slot has its own, honest share
    params.n_batch = params.n_ubatch = BATCH_TOKENS
    params.cache_ram_mib = 0  # a second copy of the slots' caches, up to 8 GB by default
    params.fit_params = False  # would shrink the context behind our back
    params.ui = False
    params.verbosity = 2
    return xllamacpp.Server(params)


def _wait_until_healthy(address: str) -> None:
    """Return once the server answers; it listens a moment before its model is loaded."""
    while True:
        connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=5)
        with contextlib.suppress(OSError), contextlib.closing(connection):
            connection.request("GET", "/health")
            if connection.getresponse().status == 200:
                return
        time.sleep(0.02)


if __name__ == "__main__":
    try:
        main()
    except RuntimeError as error:
        sys.exit(f"embedded_server: {error}")
