"""Words: ordinary ones that are also names, and those that show which of the two is meant."""


def _words(*lines: str) -> frozenset[str]:
    return frozenset(word for line in lines for word in line.split())


GREETINGS = _words(
    "hey hi hello hallo oh ah yo dear ok okay please thanks sorry yes no yeah welcome bye goodbye"
)
"""After one of them a name is called out."""
DETERMINERS = _words("a an the my your his her its our their this that these those some any every")
"""After one of them a word in lower case is no name."""
WHEN = _words("in last next this since until till during early late mid every")
TIMES = _words("april may june july august summer autumn winter spring sunday monday friday")
"""Names that are times too: after one of `WHEN` they are."""
ORDINARY = TIMES | _words(
    "will mark rose grace hope faith joy dawn art bill chance charity chase clay drew eve frank ginger grant",
    "guy honey jewel mercy miles patience peace pearl penny pierce prudence reed rich rob rocky rusty sandy",
    "sage scarlet shadow sky skip sterling stone storm sue sunny trip victor violet wade ward woody angel",
    "doctor master mother father mom dad son boy girl man woman lady lord sir miss friend love dear baby",
    "i you he she it we they me him us them who what which that this one no yes all any some none other so",
    "just even still say see look go come stay now then here there can could might must shall should would",
    "do does did is am are was were be been have has had not and or but if never ever time day night morning",
    "home blue red black white grey gray green gold silver crystal amber cherry candy sugar pepper dusty",
    "lucky happy harmony destiny fury justice liberty glory trust truth fate fortune luck hunter fox bear",
)
"""They stand in a sentence in lower case, or begin one, without anybody being meant."""
