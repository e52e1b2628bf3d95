"""Configuration: checked when read, kept when rewritten, keys apart and private."""

from pathlib import Path

import pytest

from pipeline.config import load
from pipeline.config_endpoints import key_variable, plan_endpoint, save_endpoint
from pipeline.config_paths import DataPaths, data_paths
from pipeline.config_sections import EndpointSection
from pipeline.inference.endpoints import Profile
from store.errors import Conflict, Invalid


@pytest.fixture
def paths(tmp_path: Path) -> DataPaths:
    return data_paths(tmp_path, {})


def test_no_file_means_the_defaults(paths: DataPaths) -> None:
    config = load(paths, {})
    assert (config.server.host, config.server.port, config.narrator) == ("127.0.0.1", 8321, None)


def test_the_data_folder_is_found_in_order(tmp_path: Path) -> None:
    environ = {"FABULA_DATA": "/elsewhere", "CHAT_DB_PATH": "/db/here.db"}
    assert data_paths(None, {}).folder == Path("data")
    assert data_paths(None, environ).folder == Path("/elsewhere")
    assert data_paths(tmp_path, environ).folder == tmp_path
    assert data_paths(tmp_path, environ).database == Path("/db/here.db")


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("[server]\nprot = 1\n", ["server.prot", "server.port"]),
        ("[server]\nport = 'many'\n", ["server.port", "many"]),
        ("[endpoint.x]\nkind = 'magic'\n", ["endpoint.x.kind", "magic"]),
        ("[budget]\nhard = 3\n", ["budget.hard", "3"]),
        ("[server\n", ["config.toml", "line 1"]),
        ("[profile]\nnarrate = 'main'\n", ["main", "not there"]),
        ("[endpoint.x]\nbase_ulr = ''\n", ["endpoint.x.base_ulr", "endpoint.x.base_url"]),
        ("[sever]\nport = 1\n", ["sever", "'server'"]),
        ("[sampler]\nzzz = 1\n", ["sampler.zzz", "temperature, top_p"]),
        ("[server]\nport = 1\nport = 2\n", ["config.toml", "line 3"]),
        ("[server]\nport = true\n", ["server.port = True"]),
        ("[sampler]\ntemperature = nan\n", ["sampler.temperature", "finite"]),
        ("[sampler]\nmax_tokens = 0\n", ["sampler.max_tokens = 0", "16"]),
        ("[sampler]\nstop = 'x'\n", ["sampler.stop = 'x'", "a list"]),
        ("server = 3\n", ["server is wrong", "a table"]),
        ("[endpoint.x]\n[profile]\nnarrate = 'x'\n", ["endpoint.x is wrong", "base_url"]),
        ("[play]\nooc_begins = 'ooc:'\n", ["play.ooc_begins = 'ooc:'", "without letters"]),
        ("[play]\nooc_begins = '*'\nooc_ends = '*'\n", ["play.ooc_begins = '*'", "stories are written"]),
        ("[play]\nooc_begins = '[['\n", ["play.ooc_ends = '))'", "say how [[ is closed"]),
        ("[play]\nooc_ends = ''\n", ["play.ooc_ends = ''", "made of brackets"]),
        ("[play]\nooc_begins = '[[[[[[[[['\n", ["play.ooc_begins = '[[[[[[[[['", "8"]),
        ("[play]\nooc_begins = '((('\nooc_ends = ')))'\n", ["play.ooc_ends = ')))'", "another opening mark"]),
        ("[sampler]\nmax_tokens = 90\n[budget]\nresponse = 300\n", ["max_tokens", "Keep one"]),
    ],
)
def test_a_mistake_is_named_with_its_file_and_the_way_out(
    paths: DataPaths, written: str, words: list[str]
) -> None:
    paths.config.write_text(written, encoding="utf-8")
    with pytest.raises(Invalid) as caught:
        load(paths, {})
    told = f"{caught.value.message} {caught.value.hint}"
    assert str(paths.config) in told
    for word in words:
        assert word in told


def test_rewriting_keeps_comments_and_order(paths: DataPaths) -> None:
    paths.config.write_text("# mine\n[server]\nport = 9000 # because\n", encoding="utf-8")
    save_endpoint(paths, "main", EndpointSection(base_url="http://127.0.0.1:8080/v1"), key="sk-secret")
    text = paths.config.read_text(encoding="utf-8")
    assert "# mine" in text
    assert "9000 # because" in text
    assert "sk-secret" not in text
    config = load(paths, {})
    assert config.narrator is not None
    assert config.narrator.base_url == "http://127.0.0.1:8080/v1"
    assert config.narrator.api_key is not None
    assert config.narrator.api_key.get_secret_value() == "sk-secret"
    assert "sk-secret" not in repr(config)
    assert paths.secrets.stat().st_mode & 0o077 == 0


def test_keys_that_others_can_read_are_refused(paths: DataPaths) -> None:
    paths.secrets.write_text("", encoding="utf-8")
    paths.secrets.chmod(0o644)
    with pytest.raises(Invalid, match="chmod 600"):
        raise_with_hint(paths)


def raise_with_hint(paths: DataPaths) -> None:
    try:
        load(paths, {})
    except Invalid as error:
        raise Invalid(f"{error.message} {error.hint}") from error


def test_the_environment_wins_and_an_open_host_needs_a_token(paths: DataPaths) -> None:
    assert load(paths, {"FABULA_PORT": "9999"}).server.port == 9999
    with pytest.raises(Invalid, match="no token"):
        load(paths, {"FABULA_HOST": "0.0.0.0"})
    assert load(paths, {"FABULA_HOST": "0.0.0.0", "FABULA_TOKEN": "t"}).token is not None


def test_a_key_may_come_from_the_environment(paths: DataPaths) -> None:
    save_endpoint(paths, "main", EndpointSection(base_url="http://127.0.0.1:1/v1", api_key_env="MY_KEY"))
    config = load(paths, {"MY_KEY": "abc"})
    assert config.narrator is not None
    assert config.narrator.api_key is not None
    assert config.narrator.api_key.get_secret_value() == "abc"


def test_a_key_is_never_repeated_in_an_error(paths: DataPaths) -> None:
    paths.config.write_text("[endpoint.x]\n[profile]\nnarrate = 'x'\n", encoding="utf-8")
    paths.secrets.write_text("[endpoint.x]\napi_key = 'sk-secret'\n", encoding="utf-8")
    paths.secrets.chmod(0o600)
    with pytest.raises(Invalid) as caught:
        load(paths, {})
    assert "sk-secret" not in f"{caught.value} {caught.value.hint} {caught.value.detail}"
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "written", ["[endpoint]\nx = 'sk-secret'\n", "[endpoint.x]\napi_key = ['sk-secret']\n", "endpoint = 1\n"]
)
def test_a_file_of_keys_with_a_mistake_is_told_without_its_values(paths: DataPaths, written: str) -> None:
    paths.secrets.write_text(written, encoding="utf-8")
    paths.secrets.chmod(0o600)
    with pytest.raises(Invalid) as caught:
        load(paths, {})
    assert str(paths.secrets) in caught.value.message
    assert "sk-secret" not in caught.value.message


def test_a_wrong_variable_is_named(paths: DataPaths) -> None:
    with pytest.raises(Invalid, match="FABULA_PORT = 'many'"):
        load(paths, {"FABULA_PORT": "many"})
    assert load(paths, {"FABULA_PORT": "", "FABULA_HOST": ""}).server.port == 8321


def test_one_sampler_setting_leaves_the_others_alone(paths: DataPaths) -> None:
    before = load(paths, {}).sampler
    paths.config.write_text("[sampler]\ntemperature = 0.3\nmax_tokens = 200\n", encoding="utf-8")
    config = load(paths, {})
    assert (config.sampler.temperature, config.sampler.min_p) == (0.3, before.min_p)
    assert config.budget.response == 200


def test_saving_an_endpoint_again_keeps_what_is_said_about_it(paths: DataPaths) -> None:
    paths.config.write_text(
        "[endpoint.main]\n# the box upstairs\nkind = 'openai'\nbase_url = 'http://a.test/v1' # slow\n"
        "[endpoint.other]\nkind = 'ollama'\n[profile]\nnarrate = 'other'\n",
        encoding="utf-8",
    )
    save_endpoint(paths, "main", EndpointSection(base_url="http://b.test/v1", model="m"), make_narrator=False)
    text = paths.config.read_text(encoding="utf-8")
    assert "# the box upstairs" in text
    assert "# slow" in text
    assert "http://b.test/v1" in text
    config = load(paths, {})
    assert config.narrator is not None
    assert config.narrator.name == "other"


def test_an_endpoint_that_could_not_be_used_is_not_saved(paths: DataPaths) -> None:
    with pytest.raises(Invalid, match="base_url"):
        save_endpoint(paths, "main", EndpointSection(base_url="nonsense"), key="sk-secret")
    assert not paths.config.exists()
    assert not paths.secrets.exists()


def test_the_model_that_embeds_is_not_taken_away(paths: DataPaths) -> None:
    there = EndpointSection(base_url="http://a.test/v1", model="small")
    save_endpoint(paths, "main", there, make_narrator=False)
    with paths.config.open("a", encoding="utf-8") as config:
        config.write("[profile]\nembed = 'main'\n")
    with pytest.raises(Invalid, match="names no embedding model"):
        save_endpoint(paths, "main", there.model_copy(update={"model": ""}), make_narrator=False)
    assert isinstance(load(paths, {}).embed, Profile)


@pytest.mark.parametrize("key", ["half \ud800", "two\nlines", "sk–typographic"])
def test_a_key_that_is_none_is_not_kept(paths: DataPaths, key: str) -> None:
    with pytest.raises(Invalid, match="API key has characters"):
        save_endpoint(paths, "main", EndpointSection(base_url="http://a.test/v1"), key=key)
    assert not paths.secrets.exists()
    assert not paths.config.exists()


def test_rewriting_follows_a_link_and_keeps_a_stricter_mode(paths: DataPaths, tmp_path: Path) -> None:
    own = tmp_path / "dotfiles.toml"
    own.write_text("# mine\n", encoding="utf-8")
    own.chmod(0o600)
    paths.config.symlink_to(own)
    save_endpoint(paths, "main", EndpointSection(base_url="http://a.test/v1"))
    assert paths.config.is_symlink()
    assert "a.test" in own.read_text(encoding="utf-8")
    assert own.stat().st_mode & 0o777 == 0o600


def test_a_variable_for_a_key_can_be_written_in_any_shell() -> None:
    assert key_variable("my-host.2") == "FABULA_API_KEY_MY_HOST_2"


def test_an_endpoint_joins_others_written_in_one_line(paths: DataPaths) -> None:
    paths.config.write_text("endpoint = {a = {kind = 'ollama'}} # mine\n", encoding="utf-8")
    save_endpoint(paths, "b", EndpointSection(base_url="http://b.test/v1"), key="k")
    assert "# mine" in paths.config.read_text(encoding="utf-8")
    narrator = load(paths, {}).narrator
    assert narrator is not None
    assert narrator.name == "b"


def test_a_file_with_a_mistake_is_not_rewritten(paths: DataPaths) -> None:
    paths.config.write_text("endpoint = 3\n", encoding="utf-8")
    with pytest.raises(Invalid, match="a table"):
        save_endpoint(paths, "b", EndpointSection(base_url="http://b.test/v1"))
    assert paths.config.read_text(encoding="utf-8") == "endpoint = 3\n"


def test_a_blank_token_is_no_token(paths: DataPaths) -> None:
    with pytest.raises(Invalid, match="no token"):
        load(paths, {"FABULA_HOST": "0.0.0.0", "FABULA_TOKEN": " "})


def test_the_example_in_the_documentation_is_right(paths: DataPaths) -> None:
    text = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")
    paths.config.write_text(text.split("```toml\n")[1].split("```")[0], encoding="utf-8")
    read, default = load(paths, {}), load(DataPaths(paths.folder / "none", paths.database), {})
    assert read.narrator is not None
    assert (read.server, read.sampler, read.budget) == (default.server, default.sampler, default.budget)


def test_a_planned_endpoint_is_what_the_next_start_would_open(paths: DataPaths) -> None:
    section = EndpointSection(base_url="https://api.example.org/v1/chat/completions", model="big")
    planned = plan_endpoint(paths, {"FABULA_API_KEY_API_EXAMPLE_ORG": "sk-env"}, section)
    assert (planned.name, planned.section.base_url) == ("api-example-org", "https://api.example.org/v1")
    assert not paths.config.exists()
    save_endpoint(paths, planned.name, planned.section)
    assert load(paths, {"FABULA_API_KEY_API_EXAMPLE_ORG": "sk-env"}).narrator == planned.profile


def test_a_new_endpoint_takes_no_name_that_stands_for_another_address(paths: DataPaths) -> None:
    save_endpoint(paths, "ollama", EndpointSection(kind="ollama", base_url="http://10.0.0.5:11434"))
    here = EndpointSection(kind="ollama", base_url="http://127.0.0.1:11434")
    assert plan_endpoint(paths, {}, here, suggested="Ollama").name == "ollama-2"
    assert plan_endpoint(paths, {}, here).name == "local"
    there = EndpointSection(kind="ollama", base_url="http://10.0.0.5:11434/")
    assert plan_endpoint(paths, {}, there, suggested="Ollama").name == "ollama"


def test_a_key_is_not_planned_for_another_address(paths: DataPaths) -> None:
    save_endpoint(paths, "x", EndpointSection(base_url="http://one/v1"), key="sk-1")
    elsewhere = EndpointSection(base_url="http://two/v1")
    with pytest.raises(Conflict, match="another address"):
        plan_endpoint(paths, {}, elsewhere, name="x")
    moved = plan_endpoint(paths, {}, elsewhere, name="x", key="sk-2")
    assert moved.profile.api_key is not None
    assert moved.profile.api_key.get_secret_value() == "sk-2"


def test_a_variable_stands_over_a_given_key_and_so_does_not_move_either(paths: DataPaths) -> None:
    save_endpoint(paths, "x", EndpointSection(base_url="http://one/v1"))
    with pytest.raises(Conflict, match="another address"):
        plan_endpoint(
            paths,
            {"FABULA_API_KEY_X": "sk-1"},
            EndpointSection(base_url="http://two/v1"),
            name="x",
            key="sk-2",
        )


def test_a_classifier_and_a_fallback_may_stand_beside_the_narrator(paths: DataPaths) -> None:
    endpoints = "".join(f"[endpoint.{name}]\nbase_url = 'http://127.0.0.1:1/v1'\n" for name in ("a", "b"))
    paths.config.write_text(f"{endpoints}[profile]\nnarrate = 'a'\nclassify = 'b'\nfallback = 'a'\n")
    config = load(paths, {})
    assert config.classifier is not None
    assert config.classifier.name == "b"
    assert config.fallback is None
    paths.config.write_text(f"{endpoints}[profile]\nclassify = 'c'\n")
    with pytest.raises(Invalid, match=r"\[profile\] classify names the endpoint 'c'"):
        load(paths, {})


def test_who_embeds_is_chosen_apart_from_who_narrates(paths: DataPaths) -> None:
    assert (load(paths, {}).embed, load(paths, {}).text_weight) == ("bundled", 0.5)
    assert load(paths, {"FABULA_EMBED": "off"}).embed == "off"
    paths.config.write_text(
        '[endpoint.v]\nkind = "ollama"\nmodel = "nomic"\n[profile]\nembed = "v"\ntext_weight = 0.3\n',
        encoding="utf-8",
    )
    config = load(paths, {})
    assert isinstance(config.embed, Profile)
    assert (config.embed.model, config.text_weight, config.narrator) == ("nomic", 0.3, None)
    assert load(paths, {"FABULA_EMBED": "all-MiniLM-L6-v2"}).embed == "bundled"


@pytest.mark.parametrize(
    "mistake",
    [
        '[profile]\nembed = "nowhere"',
        '[endpoint.v]\nkind = "ollama"\n[profile]\nembed = "v"',
        '[endpoint.v]\nkind = "embedded"\nmodel = "m"\n[profile]\nembed = "v"',
        "[profile]\ntext_weight = 2",
        "[profile]\ntext_weight = nan",
    ],
)
def test_an_embedder_that_cannot_be_is_refused(paths: DataPaths, mistake: str) -> None:
    paths.config.write_text(mistake, encoding="utf-8")
    with pytest.raises(Invalid):
        load(paths, {})
