"""Settings from variables and options. An invalid setting stops the start with a sentence."""

from pathlib import Path

import pytest

from service.errors import SettingsError
from service.settings import DEFAULT_MODELS, Settings, bind_address, read_settings
from tests.support.commands import run_module
from tests.support.server import serving

WRONG = [
    ("MNIST_PORT", "http", "MNIST_PORT is 'http'"),
    ("MNIST_PORT", "65536", "MNIST_PORT is '65536'"),
    ("MNIST_WORKERS", "0", "MNIST_WORKERS is '0'"),
    ("MNIST_RUNTIME", "onnx", "MNIST_RUNTIME is 'onnx'"),
    ("MNIST_MAX_PIXELS", "many", "MNIST_MAX_PIXELS is 'many'"),
    ("MNIST_PROT", "80", "MNIST_PROT is not a setting (did you mean MNIST_PORT?)"),
    ("MNIST_LOG_LEVEL", "LOUD", "MNIST_LOG_LEVEL is 'LOUD'"),
    # What Kubernetes sets for a Service called mnist.
    *(
        (name, value, f"{name} is {value!r}, which Kubernetes sets for a Service called mnist")
        for name, value in {
            "MNIST_PORT": "tcp://10.0.0.1:8080",
            "MNIST_SERVICE_HOST": "10.0.0.1",
            "MNIST_SERVICE_PORT": "8080",
            "MNIST_SERVICE_PORT_HTTP": "8080",
            "MNIST_PORT_8080_TCP": "tcp://10.0.0.1:8080",
            "MNIST_PORT_8080_TCP_PROTO": "tcp",
            "MNIST_PORT_8080_TCP_PORT": "8080",
            "MNIST_PORT_8080_TCP_ADDR": "10.0.0.1",
        }.items()
    ),
]


def test_defaults() -> None:
    settings = read_settings({"PATH": "/bin"})
    assert (settings.host, settings.port, settings.models) == ("127.0.0.1", 8080, DEFAULT_MODELS)
    assert settings == Settings()


def test_variables(tmp_path: Path) -> None:
    settings = read_settings({"MNIST_PORT": "81", "MNIST_MODELS": str(tmp_path), "MNIST_RUNTIME": "litert"})
    assert (settings.port, settings.models, settings.runtime) == (81, tmp_path, "litert")


@pytest.mark.parametrize("value", ["warning", "WARNING", "Warning"])
def test_words_are_parsed_in_any_case(value: str) -> None:
    assert read_settings({"MNIST_LOG_LEVEL": value}).log_level == "warning"


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "127.0.0.1:80"),
        ("localhost", "localhost:80"),
        ("::", "[::]:80"),
        ("::1", "[::1]:80"),
        ("[::1]", "[::1]:80"),
        ("fe80::1%eth0", "[fe80::1%eth0]:80"),
    ],
)
def test_the_address_has_gunicorns_syntax(host: str, address: str) -> None:
    assert bind_address(host, 80) == address


@pytest.mark.parametrize("host", ["localhost:80", "127.0.0.1:80", "http://localhost", "::1:http"])
def test_a_host_with_a_port_is_rejected(host: str) -> None:
    with pytest.raises(SettingsError, match="the port is MNIST_PORT"):
        bind_address(host, 80)


@pytest.mark.parametrize(("name", "value", "sentence"), WRONG)
def test_wrong_value(name: str, value: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as error:
        read_settings({name: value})
    assert sentence in str(error.value)


def test_wrong_option_stops_the_start_with_a_sentence() -> None:
    result = run_module("service", "--port", "http")
    assert result.returncode == 1
    assert result.stderr == "Error: MNIST_PORT is 'http', which is wrong: Expected `int`, got `str`.\n"


def test_wrong_host_stops_the_start_with_a_sentence() -> None:
    result = run_module("service", "--host", "localhost:80")
    assert result.returncode == 1
    assert result.stderr.startswith("Error: MNIST_HOST is 'localhost:80', which is wrong: ")
    assert result.stderr.count("\n") == 1


def test_a_missing_folder_of_models_stops_the_start_with_a_sentence() -> None:
    result = run_module("service", "--models", "/no/such/folder")
    assert result.returncode == 1
    assert result.stderr == "Error: MNIST_MODELS is '/no/such/folder', which is wrong: there is no such folder.\n"


def test_wrong_variable_stops_plain_gunicorn_without_a_traceback() -> None:
    result = run_module(
        "gunicorn", "--no-control-socket", "-b", "127.0.0.1:0", "service:create_app()", MNIST_RUNTIME="onnx"
    )
    assert result.returncode != 0
    assert "MNIST_RUNTIME is 'onnx'" in result.stderr
    assert "Traceback" not in result.stderr


def test_plain_gunicorn_serves() -> None:
    command = ("-m", "gunicorn", "--no-control-socket", "-b", "127.0.0.1:0", "service:create_app()")
    with serving(command=command) as server:
        assert server.ask("GET", "/livez")[0] == 200
