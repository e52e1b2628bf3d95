"""Finding: turns of all chats by their words, with what was found in them.

What a person types is words, and nothing else of it reaches the index's query: all of them must be there, in
any form (`walked` is found by `walk`); what stands in double quotes must stand together, and a word with an
asterisk is the beginning of one. Only turns that count are in the index.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

import apsw

from store.errors import Invalid
from store.events import YOU
from store.rows import rows
from store.words import MAX_TERMS, unbroken_in, words_of

SNIPPET_CHARS = 220
LEAD_CHARS = 60
"""How much of a snippet stands before the first word that was found."""
_PART = re.compile(r'"([^"]*)"|(\S+)')
WHOLE = (apsw.FTS5_TOKENIZE_DOCUMENT, None)
_NEWEST_FIRST = "turn.id DESC"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for: words, in one chat or all, said by one entity or any (0 is you, in every chat), at
    least this significant. Without words, the newest turns that fit."""

    text: str = ""
    chat_id: int | None = None
    speaker_id: int | None = None
    significance: int | None = None


class Said(NamedTuple):
    """A piece of a snippet; `hit` where it is what was looked for."""

    text: str
    hit: bool


@dataclass(frozen=True, slots=True)
class Found:
    """A turn that was found, and where."""

    turn_id: int
    chat_id: int
    chat: str
    archived: bool
    speaker_id: int
    speaker: str
    significance: int | None
    hidden: bool
    recorded_at: int
    text: str
    begin: int
    end: int
    hits: tuple[tuple[int, int], ...]
    """What of the text is shown, and where in it stands what was looked for."""

    @property
    def snippet(self) -> tuple[Said, ...]:
        """What is shown, piece by piece."""
        said: list[Said] = [Said("…", False)] if self.begin else []
        at = self.begin
        for begin, over in self.hits:
            said += [Said(self.text[at:begin], False), Said(self.text[begin:over], True)]
            at = over
        said.append(Said(self.text[at : self.end] + ("…" if self.end < len(self.text) else ""), False))
        return tuple(piece for piece in said if piece.text)


def find(db: apsw.Connection, wanted: Wanted, *, limit: int = 20, offset: int = 0) -> list[Found]:
    """The turns that fit best, then those that are newer.

    Raises:
        Invalid: there is nothing to look for.
    """
    query = query_of(wanted.text)
    if query is None and wanted.text.strip():
        return []
    if query is None and (wanted.chat_id, wanted.speaker_id, wanted.significance) == (None, None, None):
        raise Invalid("There is nothing to look for.", hint="Type a word or two, or choose a filter.")
    matched = "turn_text MATCH :match AND" if query is not None else ""
    source = "turn_text CROSS JOIN turn ON turn.id = turn_text.rowid" if query is not None else "turn"
    order = f"bm25(turn_text), {_NEWEST_FIRST}" if query is not None else _NEWEST_FIRST
    found = rows(
        db,
        "SELECT turn.id, turn.chat_id, chat.title, chat.archived, coalesce(turn.speaker_id, 0),"
        " coalesce(bot.name, chat.you_name), turn.significance, turn.hidden, turn.recorded_at, turn.text"
        f" FROM {source} JOIN chat ON chat.id = turn.chat_id LEFT JOIN bot ON bot.id = turn.speaker_id"
        f" WHERE {matched} (:chat IS NULL OR turn.chat_id = :chat)"
        " AND (:speaker IS NULL OR coalesce(turn.speaker_id, 0) = :speaker)"
        " AND (:least IS NULL OR turn.significance >= :least)"
        f" ORDER BY {order} LIMIT :limit OFFSET :offset",
        {
            **({"match": query} if query is not None else {}),
            "chat": wanted.chat_id,
            "speaker": wanted.speaker_id,
            "least": wanted.significance,
            "limit": limit,
            "offset": offset,
        },
    )
    marks = _Marks(db, wanted.text)
    return [_found(one, marks) for one in found]


def _found(known: Sequence[object], marks: "_Marks") -> Found:
    turn_id, chat_id, chat, archived, speaker_id, speaker, significance, hidden, recorded_at, text = known
    return Found(
        int(str(turn_id)),
        int(str(chat_id)),
        str(chat),
        bool(archived),
        int(str(speaker_id)),
        str(speaker),
        int(str(significance)) if significance is not None else None,
        bool(hidden),
        int(str(recorded_at)),
        str(text),
        *marks.window(str(text)),
    )


def query_of(text: str) -> str | None:
    """The index's query for what a person typed: letters and digits, each word or phrase quoted. None where
    there is no word in it."""
    asked: dict[str, None] = {}
    for words, begun in _parts(text):
        if unbroken_in("".join(words)) or len(words) == 1:
            asked |= dict.fromkeys(f'"{word}"{"*" if begun else ""}' for word in words)
        else:
            asked[f'"{" ".join(words)}"'] = None
    return " ".join(list(asked)[:MAX_TERMS]) or None


def _parts(text: str) -> Iterator[tuple[tuple[str, ...], bool]]:
    """Word by word, and phrase by phrase what stands in quotes; and whether only its beginning is meant."""
    for together, alone in _PART.findall(text):
        if together:
            if words := words_of(together):
                yield words, False
            continue
        words = words_of(alone)
        for word in words:
            yield (word,), alone.endswith("*") and word == words[-1]


class _Marks:
    """What in a text was looked for, in the same forms of a word in which the index finds it."""

    def __init__(self, db: apsw.Connection, asked: str) -> None:
        self._cut = db.fts5_tokenizer("porter", ["unicode61"])
        parts = list(_parts(asked))
        self._whole = {self._stem(word) for words, begun in parts if not begun for word in words}
        self._begun = tuple(self._stem(word) for words, begun in parts if begun for word in words)
        self._runs = [re.compile(re.escape(run)) for run in unbroken_in(asked)]

    def _stem(self, word: str) -> str:
        return next((found for _, _, found in self._tokens(word)), word)

    def _tokens(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Begin and end of each word in characters, and the form it is indexed in."""
        raw = text.encode("utf-8", "replace")
        at = chars = 0
        for begin, end, *forms in cast("list[tuple[int, int, str]]", self._cut(raw, *WHOLE)):
            chars += len(raw[at:begin].decode("utf-8", "replace"))
            wide = len(raw[begin:end].decode("utf-8", "replace"))
            yield chars, chars + wide, forms[0]
            chars, at = chars + wide, end

    def hits(self, text: str) -> list[tuple[int, int]]:
        """Where it stands, in order, none within another."""
        spans = [
            (begin, end)
            for begin, end, form in self._tokens(text)
            if form in self._whole or (self._begun and form.startswith(self._begun))
        ]
        spans += [found.span() for run in self._runs for found in run.finditer(text)]
        apart: list[tuple[int, int]] = []
        for begin, end in sorted(spans):
            if not apart or begin >= apart[-1][1]:
                apart.append((begin, end))
        return apart

    def window(self, text: str) -> tuple[int, int, tuple[tuple[int, int], ...]]:
        """What to show of a text: from where to where, and what stands in it as it was asked for. Around the
        first words that were found; the text's beginning where none stand in it so."""
        hits = self.hits(text)
        start = _word_at(text, hits[0][0] - LEAD_CHARS) if hits else 0
        end = min(start + SNIPPET_CHARS, len(text))
        return start, end, tuple(hit for hit in hits if hit[1] <= end)


def _word_at(text: str, wanted: int) -> int:
    """Where a word begins, at the place or after it; 0 near the beginning."""
    if wanted <= 0:
        return 0
    space = text.find(" ", wanted)
    return space + 1 if 0 <= space - wanted < LEAD_CHARS else wanted


def speakers(db: apsw.Connection) -> list[tuple[int, str]]:
    """Whoever may have said something: you, and the bots by name, archived too."""
    bots = rows(db, "SELECT id, name FROM bot ORDER BY name, id")
    return [(YOU, "You"), *((bot_id, name) for bot_id, name in bots)]
