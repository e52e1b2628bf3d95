"""Why somebody knows something: asked on the page and over JSON."""

from tests.web.conftest import Site

PAGE = {"accept": "text/html"}


async def test_what_a_bot_knows_is_traced_and_escaped(site: Site) -> None:
    chat_id = await site.chat()
    await site.client.post(f"/api/chats/{chat_id}/turns", json={"text": "The <b>key</b> *is* under the oak."})
    await site.turns(chat_id, 2)
    owner = (await site.client.get("/api/bots")).json()[0]["id"]
    asked = {"owner": str(owner), "text": "under the oak"}
    found: list[dict[str, object]] = []
    while not found:  # the memory is written behind the reply
        found = (await site.client.get(f"/api/chats/{chat_id}/why", params=asked)).json()
    assert [(one["form"], one["how"], one["others"]) for one in found] == [("memory", "witnessed", [0])]
    shown = await site.client.get(f"/chats/{chat_id}/why", params=asked, headers=PAGE)
    assert "Also known to <bdi>You</bdi>" in shown.text
    assert "&lt;b&gt;key&lt;/b&gt; <em>is</em> under" in shown.text
    drawer = await site.client.get(f"/chats/{chat_id}/drawer", headers=PAGE)
    assert "&lt;b&gt;key&lt;/b&gt; <em>is</em> under the oak." in drawer.text
    nothing = await site.client.get(f"/chats/{chat_id}/why", params={**asked, "text": "50%"}, headers=PAGE)
    assert "knows nothing in just these words" in nothing.text


async def test_what_cannot_be_asked_is_told(site: Site) -> None:
    chat_id = await site.chat()
    for query, words in (("text=x", "owner is missing"), ("owner=1&text=", "nothing to look for")):
        answer = await site.client.get(f"/api/chats/{chat_id}/why?{query}")
        assert (answer.status_code, words in answer.text) == (422, True)
    assert (await site.client.get("/api/chats/999/why?owner=1&text=x")).status_code == 404
