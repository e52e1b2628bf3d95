"""The golden story: sixty turns at a ferry house, written down word for word.

Mira (you) comes to the ferry house that Ilse keeps; Tobin, a clockmaker, comes in later. On the way there are
a supper by the water (a story event that a phrase sets off, with props of its own), a night bell (one that
its hour sets off in the middle of a jump), a question that stays open (a thread), an hour of rowing that
is left out (an elision), a night that is skipped (a jump) and a scene between the two without Mira (a
meanwhile).
"""

from dataclasses import dataclass
from typing import Literal

Who = Literal["Ilse", "Tobin"]


@dataclass(frozen=True, slots=True)
class Said:
    """Mira says something and one of the two answers."""

    text: str
    by: Who
    reply: str


@dataclass(frozen=True, slots=True)
class Alone:
    """One of the two goes on without a word of Mira's."""

    by: Who
    text: str


GREETING = '*looks up from the rope* "The ferry sleeps till morning. You may sit, if you dry your boots."'

EVENING = (
    Said(
        "Thank you. I am Mira. Is there anything warm left?",
        "Ilse",
        '"Barley soup. I am Ilse." *pushes the pot back over the fire*',
    ),
    Said(
        "*sits down* It smells better than the road did.",
        "Ilse",
        '"The road smells of whoever walked it before you." *sets down a bowl*',
    ),
    Said(
        "Who crossed before me?",
        "Ilse",
        '"A salt carter, two nuns, and somebody who signed the crossing book and took the page along."',
    ),
    Said(
        "Took the page? Why would anyone do that?",
        "Ilse",
        '"That is what I should like to know. Eleven years, and not a page was ever missing."',
    ),
    Said(
        "Perhaps I can help you find out.",
        "Ilse",
        '"Perhaps. You have the eyes of one who reads what is not written." *nearly smiles*',
    ),
)
"""Five exchanges with Ilse alone; the missing page is the thread."""

GUEST_COMES = (
    Said("Ilse, somebody is knocking.", "Ilse", '*lifts the bar* "Come in before the wind does."'),
    Said(
        "Good evening, Tobin. Is that a clock you carry?",
        "Tobin",
        '"Half of one, madam. The other half is the reason I travel." *bows too low*',
    ),
    Said(
        "Tobin, what happened to the other half?",
        "Tobin",
        '"My brother kept it. We have not spoken since the spring floods."',
    ),
    Said(
        "Ilse, do you know him?",
        "Ilse",
        '"I know his kind. They pay in stories." *but she draws up a third chair*',
    ),
)

SUPPER = (
    Said(
        "Let us have our supper by the water, the three of us.",
        "Ilse",
        '*takes the willow hamper from its nail* "Then carry something, both of you."',
    ),
    Said(
        "Tobin, take the other handle.",
        "Tobin",
        '"It weighs like a confession." *carries it down to the landing*',
    ),
    Said(
        "Ilse, what is in the blue bottle?",
        "Ilse",
        '"Elder cordial. For those who can be trusted with a cork." *hands it over*',
    ),
    Said(
        "Tobin, can you make that thing tick again?",
        "Tobin",
        '*turns half a clock in the last light* "With a spring from Varn, yes. Here I can only listen."',
    ),
    Said(
        "*gives Tobin the little brass key from her pocket* Would this fit?",
        "Tobin",
        '*tries it; something inside answers* "It does. It does! May I keep it, Mira?"',
    ),
    Said(
        "Keep it, Tobin. It was never of use to me.",
        "Tobin",
        '"Then I am in your debt, and I do not say that twice in a year." *hides the key in his coat*',
    ),
    Said(
        "Ilse, I think we are done here. It is getting cold.",
        "Ilse",
        '*packs what is left and rinses the cups* "Enough, then. The river wants its quiet."',
    ),
)
"""The supper begins with the phrase and is over with the last exchange: the key stays with Tobin, the hamper
and the blue bottle do not stay at all."""

ROWING = (
    Said(
        "Ilse, would you row us out to the island and back? I want to see the light.",
        "Ilse",
        '*unties the small boat* "Out and back. An hour, and no singing."',
    ),
    Said(
        "Tobin, are you afraid of the water?",
        "Tobin",
        '"Of what it keeps, madam. Not of what it is." *holds on to the bench*',
    ),
)
AFTER_ROWING = (
    Said(
        "Ilse, there it is again, that light on the far bank.",
        "Ilse",
        '*rests on the oars* "That lantern has no business there. Nobody lives on that side."',
    ),
    Said(
        "Tobin, did you come from over there?",
        "Tobin",
        '"I came by the road." *looks at his shoes* "Mostly by the road."',
    ),
)
"""An hour of rowing lies between the two."""

MORNING = (
    Said(
        "Good morning, Ilse. Did the bell ring in the night, or did I dream it?",
        "Ilse",
        '"It rang. The far bank called, and nobody stood there when I came."',
    ),
    Said(
        "Tobin, you look as if you had not slept.",
        "Tobin",
        '"I slept like a clock, madam: upright, and stopping now and then."',
    ),
    Said(
        "Ilse, may I look at the crossing book?",
        "Ilse",
        '*lays it on the table* "Torn, here, close to the thread. A careful hand."',
    ),
    Said(
        "I shall walk along the bank and look for that lantern. *takes her coat and goes*",
        "Ilse",
        '"Keep to the stones. Tobin stays with me and mends the latch."',
    ),
)

MEANWHILE = (
    Alone("Tobin", '*waits until the door has closed* "The page in your book. It bears my brother\'s name."'),
    Alone("Ilse", '"So it was you." *lays down the rope* "And nobody was to read it."'),
    Alone("Tobin", '"Nobody." *lays a folded page on the table* "I could not leave it there."'),
    Alone("Ilse", '"Keep it folded. But mend the latch, and tell her yourself before the week is out."'),
)
"""Between the two. Mira may learn that the latch is mended, and that they have talked; not of the page."""

RETURN = (
    Said(
        "I am back. There was nothing but wet stones. You two are very quiet.",
        "Ilse",
        '"A latch makes people thoughtful." *does not look at Tobin*',
    ),
    Said(
        "Tobin, is there something you want to tell me?",
        "Tobin",
        '"Before the week is out, madam. I have given my word."',
    ),
    Said(
        "Then I can wait. Ilse, when does the ferry leave?",
        "Ilse",
        '"When the fog lets go of the posts. Sit. There is barley soup."',
    ),
)
ALONE_AT_LAST = (
    Alone(
        "Tobin", '*winds the half clock with the brass key and listens* "Hear that? It has begun to count."'
    ),
)

ILSE = "Keeps the ferry house. Sparing with words, exact in her books, kinder than she lets on."
TOBIN = "A clockmaker who travels with half a clock. Courteous, restless, hides what shames him."
OPENING = "Late evening at a ferry house. Ilse is splicing a rope when Mira comes in from the road."
PREMISE = "Ilse and Tobin, alone in the ferry house, speak of the missing page."
SUPPER_ENDS = {
    "over": "Supper by the water",
    "ending_words": "I think we are done here",
    "gist": "The three of them ate by the water, and Mira gave Tobin a key that fits his clock.",
    "gains": [{"who": "Tobin", "thing": "little brass key"}],
    "insights": [{"who": "Mira", "about": "Tobin", "fact": "Tobin's half clock runs with the brass key"}],
    "feelings": [{"who": "Tobin", "towards": "Mira", "affinity": 6, "trust": 4}],
}
EVENING_TOLD = {
    "summary": "An evening at the ferry house: a torn page, a stranger with half a clock, a supper."
}
NIGHT_PASSED = {
    "memory": "I lay awake and listened to the river.",
    "activity": "drinking the first tea",
    "weather": "fog",
}
MORNING_TOLD = {"summary": "In the morning they spoke of the bell, and Mira went to look along the bank."}
MEANWHILE_TOLD = {
    "summary": "While Mira was out it came to light who took the page, and that she shall be told."
}
COULD_BE_LEARNT = {"learnt": "The latch is mended, and the two have had a long talk."}
BELL_GIST = "The night bell rang; nobody was there."


def written() -> list[tuple[str, str]]:
    """Who says what, from the first turn to the sixtieth."""
    told = [("Ilse", GREETING)]
    for part in (EVENING, GUEST_COMES, SUPPER, ROWING, AFTER_ROWING, MORNING):
        told += [line for one in part for line in (("Mira", one.text), (one.by, one.reply))]
    told += [(one.by, one.text) for one in MEANWHILE]
    told += [line for one in RETURN for line in (("Mira", one.text), (one.by, one.reply))]
    return [*told, *((one.by, one.text) for one in ALONE_AT_LAST)]
