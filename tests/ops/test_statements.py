"""The play loop stays lean: what a turn asks of the database before its request goes out is counted."""

from ops.bench.statements import statements

MOST = 85
"""With a guest, in a short chat, 77 were counted. A stage more that hears of turns costs one; a reading that
is done twice is better done once than allowed for here."""


async def test_a_turn_with_a_guest_asks_little_of_the_database_before_its_request_goes_out() -> None:
    counted = await statements(10, True)
    assert 0 < counted <= MOST
