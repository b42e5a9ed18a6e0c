"""uv is told what pip is configured with."""

from tools.uv import parse_pip_config, uv_environment

CONFIG = """\
:env:.default-timeout='180'
global.cert='/etc/ssl/ca.crt'
global.index-url='https://global.example/simple'
install.index-url='https://install.example/simple'
global.no-color='true'
"""


def test_the_nearer_level_wins_as_in_pip() -> None:
    options = parse_pip_config(CONFIG)
    assert options["index-url"] == "https://install.example/simple"
    nearest = parse_pip_config(":env:.index-url='https://env.example/simple'\n" + CONFIG)
    assert nearest["index-url"] == "https://env.example/simple"


def test_uv_gets_index_certificates_and_timeout_and_nothing_else() -> None:
    assert uv_environment(parse_pip_config(CONFIG), {"HOME": "/home/anna"}) == {
        "HOME": "/home/anna",
        "UV_DEFAULT_INDEX": "https://install.example/simple",
        "SSL_CERT_FILE": "/etc/ssl/ca.crt",
        "UV_HTTP_TIMEOUT": "180",
    }


def test_what_the_user_says_to_uv_itself_wins() -> None:
    said = {"UV_DEFAULT_INDEX": "https://mine.example/simple"}
    assert uv_environment(parse_pip_config(CONFIG), said)["UV_DEFAULT_INDEX"] == said["UV_DEFAULT_INDEX"]


def test_without_a_pip_configuration_uv_has_its_own_defaults() -> None:
    assert uv_environment(parse_pip_config(""), {}) == {}
