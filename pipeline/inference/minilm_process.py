"""The bundled embedding model as a process: `python -m pipeline.inference.minilm_process F [--urgent]`.

One line of JSON comes in, {"texts": […]}, and one goes out, {"vectors": base64 of 32-bit floats}; before the
first, {"dimensions": …} says that the model is loaded. It ends when its standard input does. It works beside
a story that is being told, so it takes half of the cores at most, and only while nobody else wants them,
unless somebody waits for it (`--urgent`).
"""

import base64
import hashlib
import json
import os
import queue
import signal
import sys
import threading
from pathlib import Path
from typing import Any, TextIO

DIGESTS = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
"""The published all-MiniLM-L6-v2; anything else under its name is not loaded."""
BATCH = 32
LEAST_URGENT = 19


def main() -> None:
    """Serve until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then ends us
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the libraries print is no answer
    asked: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(asked,), daemon=True).start()
    if "--urgent" not in sys.argv[2:]:
        _step_back()
    folder = Path(sys.argv[1])
    _check(folder)
    model = _load(folder)
    _say(answers, {"dimensions": model.get_embedding_dimension()})
    while True:
        vectors = model.encode(
            json.loads(asked.get())["texts"],
            batch_size=BATCH,
            normalize_embeddings=True,
            convert_to_numpy=True,
            show_progress_bar=False,
        )
        _say(answers, {"vectors": base64.b64encode(vectors.astype("<f4").tobytes()).decode()})


def _listen(asked: "queue.SimpleQueue[str]") -> None:
    """Queue what is asked, and leave with the parent at once, however it ends: also while still loading."""
    for line in sys.stdin:
        asked.put(line)
    os._exit(0)


def _step_back() -> None:
    """Run when nobody else wants to: a nice process alone would still hold up whoever wakes beside it."""
    os.nice(LEAST_URGENT)
    if hasattr(os, "SCHED_IDLE"):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def _check(folder: Path) -> None:
    for name, digest in DIGESTS.items():
        with (folder / name).open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != digest:
            sys.exit(f"{name} is not the published file: its SHA-256 is {found}, not {digest}")


def _load(folder: Path) -> Any:  # noqa: ANN401 - it has no types
    os.environ |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    import torch  # noqa: PLC0415 - after the files are known to be right
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415 - the same

    torch.set_num_threads(max(1, (os.cpu_count() or 2) // 2))
    return SentenceTransformer(str(folder), device="cpu")


def _say(answers: TextIO, answer: dict[str, object]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
