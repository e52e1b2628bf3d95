"""Macros in card texts: `{{char}}` and `{{user}}`, also written `<BOT>` and `<USER>`, in any case.

One pass: a name that itself looks like a macro stays as it is.
"""

import re

_MACRO = re.compile(r"\{\{\s*(char|user)\s*\}\}|<(bot|user)>", re.IGNORECASE)


def substitute(text: str, *, char: str, user: str) -> str:
    """The text with both names filled in; what the names contain is not looked at again."""
    names = {"char": char, "bot": char, "user": user}
    return _MACRO.sub(lambda found: names[(found.group(1) or found.group(2)).lower()], text)
