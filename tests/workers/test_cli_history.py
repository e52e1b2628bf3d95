"""The past from the command line: told again, swiped, edited, retracted, rewound, branched, undone."""

import json
from typing import Any

from store.errors import Conflict, Invalid, NotFound, Refused
from tests.processes import FakeProcess
from tests.workers.conftest import Fabula, refusal


def told(fabula: Fabula) -> list[dict[str, Any]]:
    return list(json.loads(fabula("turns", 2, "--json").stdout))


def texts(fabula: Fabula) -> list[str]:
    return [one["text"] for one in told(fabula)]


def test_a_reply_is_told_again_and_swiped_back(fabula: Fabula, fake: FakeProcess) -> None:
    assert "The lamp is [red]lit[/red]." in fabula("turns", 2).stdout
    first = told(fabula)[-1]["id"]
    fabula("drain")
    fake.script({"text": "The lamp is out."})
    assert "The lamp is out." in fabula("regenerate", 2).stdout
    now = told(fabula)[-1]
    assert (now["text"], len(now["alternatives"])) == ("The lamp is out.", 2)
    fabula("drain")
    assert "holds now" in fabula("swipe", 2, first).stdout
    assert "holds already" in fabula("swipe", 2, first).stdout
    assert texts(fabula) == ["Only me.", "The lamp is [red]lit[/red]."]
    assert "Undone: choice of an alternative." in fabula("undo", 2).stdout
    assert f"{first} [{now['id']}]" in fabula("turns", 2).stdout


def test_a_turn_is_edited_and_retracted_after_a_preview(fabula: Fabula) -> None:
    fabula("drain")
    yours = told(fabula)[0]["id"]
    assert fabula("edit-turn", 2, yours, "It is me.").stdout == "Edited.\n"
    kept = fabula("retract", 2, yours, answer="n\n")
    assert kept.exit_code == 1
    assert "It is me." in kept.stdout
    assert "2 memories" in kept.stdout
    assert len(told(fabula)) == 2
    assert "Retracted." in fabula("retract", 2, yours, "--yes").stdout
    assert told(fabula) == []
    assert "Undone: retraction." in fabula("undo", 2).stdout
    assert texts(fabula)[0] == "It is me."


def test_a_story_is_rewound_branched_and_switched(fabula: Fabula, fake: FakeProcess) -> None:
    fake.script({"text": "It burns."})
    fabula("say", 2, "And now?")
    fabula("drain")
    reply = told(fabula)[1]["id"]
    made = int(fabula("branch", 2, reply, "aside").stdout)
    assert len(told(fabula)) == 4
    rewound = int(fabula("rewind", 2, reply, "--name", "back").stdout)
    assert len(told(fabula)) == 2
    listed = json.loads(fabula("branches", 2, "--json").stdout)
    assert [(one["id"], one["name"], one["active"]) for one in listed] == [
        (2, "main", False),
        (made, "aside", False),
        (rewound, "back", True),
    ]
    assert listed[0]["last_said"] == "It burns."
    assert "It burns." in fabula("branches", 2).stdout
    assert "goes on in branch 2" in fabula("switch", 2, 2).stdout
    assert "there already" in fabula("switch", 2, 2).stdout
    assert texts(fabula)[-1] == "It burns."


def test_what_cannot_be_is_refused_with_its_reason(fabula: Fabula) -> None:
    yours = told(fabula)[0]["id"]
    assert isinstance(refusal(fabula("turns", 99)), NotFound)
    assert isinstance(refusal(fabula("swipe", 2, 999)), NotFound | Conflict)
    assert isinstance(refusal(fabula("regenerate", 2, yours)), Refused)
    assert isinstance(refusal(fabula("switch", 2, 999)), NotFound)
    assert isinstance(refusal(fabula("rewind", 2, told(fabula)[-1]["id"])), Refused)
    assert isinstance(refusal(fabula("undo", 2)), Refused)
    assert fabula("retract", 2, "x").exit_code == 2


def test_a_reply_is_looked_into_and_found_again(fabula: Fabula) -> None:
    reply = told(fabula)[-1]["id"]
    account = json.loads(fabula("prompt", "--turn", reply, "--json").stdout)
    assert (account["turn_id"], account["exact"], account["model"]) == (reply, True, "fake-model")
    shown = fabula("prompt", "--turn", reply).stdout
    assert "told by fake-model" in shown
    assert "Only me." in shown
    assert isinstance(refusal(fabula("prompt", "--turn", reply - 1)), NotFound)
    assert isinstance(refusal(fabula("prompt")), Invalid)
    [found] = json.loads(fabula("search", "lamps", "lit", "--json").stdout)
    assert (found["turn_id"], found["speaker"]) == (reply, "Ada")
    assert "[red]lit[/red]" in fabula("search", "LAMP", "--speaker", found["speaker_id"]).stdout
    assert fabula("search", "lamp", "--speaker", 0).stdout == "Nothing was found.\n"
