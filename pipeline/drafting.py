"""Drafting: what the person might say next, asked of the narrator on their behalf. Nothing of it is recorded;
it becomes a turn only when the person sends it.

The model is given the person's persona and the dialogue as the person perceived it, with their own lines in
the role of the one who answers.
"""

from collections.abc import Iterator
from contextlib import aclosing

import apsw

from pipeline.endpoints import Endpoints
from pipeline.floor import quiet
from pipeline.inference.errors import EndpointFailed
from pipeline.inference.types import Endpoint, Message, Request
from pipeline.prompt.assembly import BEGINS, GOES_ON, Speech, messages_of
from pipeline.prompt.budget import Budgets
from pipeline.prompt.macros import substitute
from pipeline.prompt.naming import OwnWords
from pipeline.prompt.ooc import strip_ooc
from pipeline.tokens import ModelCounter, TokenCounter
from store import views
from store.errors import ErrorClass, Refused
from store.events import YOU
from store.views import Chat, Turn

INSTRUCTION = (
    "You help {{user}} in a role-play with {{char}}. Write only {{user}}'s next turn, in the voice and length"
    ' of {{user}}\'s turns so far: actions in *asterisks*, speech in "quotation marks". Never speak, act or'
    " decide for {{char}}."
)
YOUR_TURN = "[It is {{user}}'s turn.]"


class Drafting:
    """Drafts for the chats of one program. `working` says whether its narrator is opened in this process."""

    def __init__(
        self, db: apsw.Connection, endpoints: Endpoints, counter: TokenCounter, *, working: bool
    ) -> None:
        self._db, self._endpoints, self._counter, self._working = db, endpoints, counter, working

    async def draft(self, chat_id: int) -> str:
        """The person's next line. Cancelling ends the request upstream.

        Raises:
            NotFound: no such chat; Refused: nobody can play in it, or no narrator is open here; Conflict: a
                reply is being written; EndpointFailed: the narrator could not.
        """
        chat = self._open_chat(chat_id)
        async with self._endpoints.narrator() as (endpoint, capabilities):
            budgets = self._endpoints.budgets.within(capabilities.context_tokens)
            measure = self._counter.for_model(endpoint.model)
            sampler = self._endpoints.sampler.model_copy(update={"max_tokens": budgets.response})
            messages = _prompt(self._db, chat, measure, budgets)
            with self._endpoints.narrating():
                own = OwnWords(chat.you_name, [views.bot(self._db, one).name for one in chat.members])
                return await _written(endpoint, Request(messages=messages, sampler=sampler), own)

    def _open_chat(self, chat_id: int) -> Chat:
        chat = views.chat(self._db, chat_id)
        if chat.archived or not chat.begun:
            why = "is archived" if chat.archived else "has not begun"
            raise Refused(f"The chat {chat.title!r} {why}.", hint="There is no next line to draft.")
        if not self._working:
            raise Refused(
                "This process only serves the page, and no model is open in it to draft with.",
                hint="Write the line yourself, or start Fabula without --no-workers.",
            )
        quiet(self._db, chat_id)
        return chat


def _prompt(db: apsw.Connection, chat: Chat, measure: ModelCounter, budgets: Budgets) -> tuple[Message, ...]:
    """The newest of the dialogue that fits, after who the person is."""
    names = {one: views.bot(db, one).name for one in chat.members}

    def told(text: str) -> str:
        return substitute(text, char=" and ".join(names.values()), user=chat.you_name)

    persona = f"{chat.you_name}: {told(chat.you_persona)}" if chat.you_persona.strip() else ""
    head = told(INSTRUCTION) + (f"\n\n{persona}" if persona else "")
    fixed = measure.message(head) + 2 * measure.message(told(YOUR_TURN))
    if fixed > budgets.hard:
        raise Refused(
            f"Your persona takes {measure.text(persona)} tokens; the model has room for {budgets.hard}.",
            hint="Shorten the persona, or use a model with a larger context.",
        )
    room = budgets.soft - fixed
    lines: list[Speech] = []
    for turn in _perceived(db, chat):
        line = _line(db, turn, names)
        room -= measure.message(line[1])
        if room < 0:
            break
        lines.append(line)
    lines.reverse()
    opening: Speech = ("user", "" if lines and lines[0][0] == "user" else GOES_ON if lines else BEGINS)
    return messages_of([("system", head), opening, *lines, ("user", told(YOUR_TURN))])


def _perceived(db: apsw.Connection, chat: Chat) -> Iterator[Turn]:
    """What the person perceived and has not hidden, newest first."""
    newest = views.turns_before(db, chat.id, None, 1)
    for turn in views.dialogue_back_from(db, newest[0].id) if newest else ():
        if YOU in turn.present and not turn.hidden and strip_ooc(turn.text).strip():
            yield turn


def _line(db: apsw.Connection, turn: Turn, names: dict[int, str]) -> Speech:
    text = strip_ooc(turn.text).strip()
    if turn.speaker_id is None:
        return "assistant", text
    name = names.get(turn.speaker_id) or views.bot(db, turn.speaker_id).name
    return "user", f"{name}: {text}"


async def _written(endpoint: Endpoint, request: Request, own: OwnWords) -> str:
    text = ""
    async with aclosing(endpoint.generate(request)) as chunks:
        async for chunk in chunks:
            text += own.take(chunk.text) if chunk.text else ""
            if own.over:
                break
    text = (text + own.rest()).strip()
    if not text:
        raise EndpointFailed(
            "The model answered with nothing.",
            hint="Ask again, or write the line yourself.",
            error_class=ErrorClass.INVALID_OUTPUT,
        )
    return text
