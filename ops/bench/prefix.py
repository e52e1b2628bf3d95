"""`prefix`: how much of each prompt the model's server has to read again, in the middle of a scene.

The real program on the embedded model with a window of 8,192 tokens and a chat that fills it; every stage of
bookkeeping runs beside. The counts are the server's own. The `classic` layout is played for a few turns only:
each of them reads the whole prompt again.
"""

import random
from dataclasses import dataclass
from pathlib import Path

import trio

from ops.bench.ground import folder
from ops.bench.report import Report, median, report
from pipeline.config_paths import data_paths
from store import log
from store.events import BotAuthored, ChatStarted, Payload, SceneOpened, TurnAssistant, TurnUser
from store.rows import rows
from store.store import open_store
from store.txn import Txn
from workers.program import Program, open_program

TURNS, CLASSIC_TURNS = 40, 4
WARM_UP = 6
"""Turns before those that count: the server's cache is filled, and the counter learns the model's measure."""
FILL = 240
REPLY_TOKENS = 48
CONFIG = """
[endpoint.small]
kind = "embedded"
context_tokens = 8192
[profile]
narrate = "small"
[sampler]
max_tokens = {reply}
[prompt]
layout = "{layout}"
"""
SONG = (
    "the lamp turns and the sea goes on below while somebody counts ships that never come nearer than the"
    " rocks and the wind brings salt and old songs through every crack of the tower until morning"
)


@dataclass(frozen=True, slots=True)
class Played:
    """One reply: the prompt's tokens, those the server had not to read again, and the first token's time."""

    prompt_tokens: int
    cached_tokens: int
    first_token_s: float


def prefix() -> Report:
    cache, classic = trio.run(_play, "cache", TURNS), trio.run(_play, "classic", CLASSIC_TURNS)
    figures = {
        "reread_share_cache": _reread(cache),
        "reread_share_classic": _reread(classic),
        "first_token_ratio": median([one.first_token_s for one in cache])
        / median([one.first_token_s for one in classic]),
        "prompt_tokens_p50": median([one.prompt_tokens for one in cache]),
        "first_token_s_p50": median([one.first_token_s for one in cache]),
    }
    return report("prefix", figures, rounds=TURNS)


def _reread(played: list[Played]) -> float:
    """The share of prompt tokens that were read again."""
    asked = sum(one.prompt_tokens for one in played)
    return 1 - sum(one.cached_tokens for one in played) / asked


async def _play(layout: str, turns: int) -> list[Played]:
    with folder() as data:
        (data / "config.toml").write_text(CONFIG.format(reply=REPLY_TOKENS, layout=layout))
        chat_id = _filled(data / "chat.db")
        async with open_program(data_paths(data, {}), environ={}) as program:
            chance = random.Random(7)
            for number in range(WARM_UP + turns):
                await _turn(program, chat_id, f"{_words(chance, 12)}. What now, {number}?")
            return _played(program, chat_id)[-turns:]


def _filled(database: Path) -> int:
    """One scene that is longer than the window."""
    chance = random.Random(3)

    def step(txn: Txn) -> int:
        card = "Ada keeps the lighthouse. She is dry, patient and afraid of nothing but boredom."
        bot = txn.append(BotAuthored(name="Ada", description=card))
        chat = txn.append(ChatStarted(title="Bench", host_id=bot.id))
        txn.append(SceneOpened(), chat_id=chat.id)
        for number in range(FILL):
            txn.append(_said(chance, number, bot.id), chat_id=chat.id)
        return chat.id

    with open_store(database, {}) as store:
        return store.writer.call(step)


def _said(chance: random.Random, number: int, bot_id: int) -> Payload:
    if number % 2:
        return TurnAssistant(speaker_id=bot_id, text=_words(chance, chance.randint(40, 90)) + ".")
    return TurnUser(text=_words(chance, chance.randint(8, 25)) + ".")


def _words(chance: random.Random, number: int) -> str:
    return " ".join(chance.choices(SONG.split(), k=number)).capitalize()


async def _turn(program: Program, chat_id: int, text: str) -> None:
    engine = program.engine
    with engine.feed.subscribe(chat_id, log.position(engine.store.hot)) as subscription:
        sent = await engine.play.send_turn(chat_id, text)
        async for item in subscription:
            if item.event == "turn.assistant" and f'"answers":{sent.event_id},' in item.data:
                return


def _played(program: Program, chat_id: int) -> list[Played]:
    """What the server counted, and what the run's own figures say of time."""
    found = rows(
        program.engine.store.hot,
        "SELECT turn.usage ->> 'prompt_tokens', turn.usage ->> 'cached_tokens',"
        " attempt.figures ->> 'first_token_s' FROM turn JOIN attempt ON attempt.run_id = turn.run_id"
        " WHERE turn.chat_id = ? AND attempt.outcome = 'done' ORDER BY turn.id",
        (chat_id,),
    )
    return [Played(*one) for one in found]
