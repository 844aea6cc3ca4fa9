"""GET /openapi.json: it describes every route, and schemathesis finds that the real server behaves as described."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from service import __version__
from service.api import auth
from service.api.components import components
from service.app import create_app
from service.settings import DEFAULT_MODELS, Settings
from tests.support.paths import ROOT
from tests.support.server import Server, serving

KEY = "a key"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The versions that ship, of which the first has a label; keys are required."""
    folder = tmp_path_factory.mktemp("served")
    shutil.copytree(DEFAULT_MODELS, folder / "models")
    (folder / "models/mnist/versions.json").write_text('{"labels": {"stable": 1}}')
    (folder / "keys").write_text(KEY)
    with serving(
        "--workers",
        "1",
        "--models",
        f"{folder}/models",
        "--api-keys-file",
        f"{folder}/keys",
        "--feedback",
        f"{folder}/corrections",
    ) as server:
        yield server


@pytest.fixture(scope="module")
def document(server: Server) -> dict[str, Any]:
    document: dict[str, Any] = server.ask("GET", "/openapi.json", None, {"X-API-Key": KEY})[1]
    return document


def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(path, operation) for path, item in document["paths"].items() for operation in item.values()]


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    OpenAPIV31SpecValidator(document).validate()


def test_every_route_is_described_and_nothing_else(document: dict[str, Any]) -> None:
    rules = [rule for rule in create_app(Settings()).url_map.iter_rules() if not rule.endpoint.endswith(".static")]
    routes = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule).replace("{name}", "mnist"), method)
        for rule in rules
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert {(path, method.upper()) for path, item in document["paths"].items() for method in item} == routes


def test_every_operation_has_a_summary_a_group_and_its_own_name(document: dict[str, Any]) -> None:
    described = [operation for _, operation in operations(document)]
    assert all(operation["summary"] and operation["tags"] for operation in described)
    assert len({operation["operationId"] for operation in described}) == len(described)


def test_version_and_licence(document: dict[str, Any]) -> None:
    assert document["info"]["version"] == __version__
    assert document["info"]["license"] == {"name": "MIT", "identifier": "MIT"}


def test_keys_are_described_where_they_are_required(document: dict[str, Any]) -> None:
    assert document["security"] == [{"bearer": []}, {"key": []}]
    assert document["components"]["securitySchemes"].keys() == {"bearer", "key"}
    for path, operation in operations(document):
        is_open = path in auth.HEALTH_PATHS
        assert (operation.get("security") == [], "401" not in operation["responses"]) == (is_open, is_open)


def test_keys_are_not_described_where_none_are_set() -> None:
    document = json.loads(components(create_app(Settings())).openapi)
    assert "security" not in document
    assert "securitySchemes" not in document["components"]
    assert all("401" not in operation["responses"] for _, operation in operations(document))


def test_answers_are_described_strictly(document: dict[str, Any]) -> None:
    prediction = document["components"]["schemas"]["Prediction"]
    assert prediction["required"] == ["digit", "confidence", "uncertain", "probabilities", "model"]
    assert prediction["properties"]["digit"] == {"type": "integer", "minimum": 0, "maximum": 9}
    probabilities = prediction["properties"]["probabilities"]
    assert (probabilities["minItems"], probabilities["maxItems"]) == (10, 10)
    assert probabilities["items"] == {"type": "number", "minimum": 0, "maximum": 1}


def test_readings_are_described_strictly(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    required = {name: schemas[name]["required"] for name in ("Reading", "Line", "ReadDigit")}
    assert required == {
        "Reading": ["text", "lines", "model"],
        "Line": ["text", "digits"],
        "ReadDigit": ["digit", "confidence", "uncertain", "probabilities", "box"],
    }
    box = schemas["ReadDigit"]["properties"]["box"]
    assert (box["minItems"], box["maxItems"]) == (4, 4)


def test_statuses_are_those_that_there_are(document: dict[str, Any]) -> None:
    paths = document["paths"]
    always = {"400", "401", "408", "413", "431", "503"}
    assert paths["/report"]["get"]["responses"].keys() == always | {"200", "304", "404"}
    assert paths["/v1/models/mnist:regress"]["post"]["responses"].keys() == always | {"404", "415"}
    assert paths["/v2/models"]["get"]["responses"].keys() == always | {"200"}


def test_each_form_of_an_image_is_described(document: dict[str, Any]) -> None:
    predict, explain, read = (document["paths"][path]["post"] for path in ("/predict", "/explain", "/read"))
    content = predict["requestBody"]["content"]
    assert content.keys() == {"multipart/form-data", "application/json", "image/*", "application/octet-stream"}
    assert content["image/*"]["schema"]["contentMediaType"] == "application/octet-stream"
    assert content == explain["requestBody"]["content"] == read["requestBody"]["content"]
    assert [parameter.get("name") for parameter in predict["parameters"]] == ["prepare", None]
    assert [parameter.get("name") for parameter in read["parameters"]] == [None]


def test_corrections_are_described(document: dict[str, Any]) -> None:
    feedback = document["paths"]["/feedback"]["post"]
    assert {"200", "201", "400", "401", "403", "404", "413", "415", "422", "500", "507"} <= feedback["responses"].keys()
    assert (
        feedback["requestBody"]["content"].keys()
        == document["paths"]["/predict"]["post"]["requestBody"]["content"].keys()
    )
    assert [parameter.get("name") for parameter in feedback["parameters"]] == ["digit", "box", None]
    fields = document["components"]["schemas"]["CorrectionInForm"]
    assert fields["properties"]["digit"]["enum"] == [*map(str, range(10)), "none"]
    assert fields["required"] == ["image", "digit"]


def test_errors_are_described_with_their_codes_and_headers(document: dict[str, Any]) -> None:
    responses = document["paths"]["/predict"]["post"]["responses"]
    assert responses.keys() == {"200", "400", "401", "408", "413", "415", "422", "431", "503"}
    assert codes(document, "/predict", 422) == ["no_digit", "several_digits", "wrong_image_size"]
    assert "Retry-After" in responses["503"]["headers"]
    assert "WWW-Authenticate" in responses["401"]["headers"]


def codes(document: dict[str, Any], path: str, status: int) -> list[str]:
    """List the codes of a path's errors of one status."""
    content = document["paths"][path]["post"]["responses"][str(status)]["content"]
    codes_: list[str] = content["application/json"]["schema"]["allOf"][1]["properties"]["code"]["enum"]
    return codes_


def test_several_digits_are_rejected_but_where_all_are_read(document: dict[str, Any]) -> None:
    for path in ("/explain", "/v1/models/mnist:predict", "/v1/models/mnist:classify", "/v2/models/mnist/infer"):
        assert "several_digits" in codes(document, path, 422)
    assert codes(document, "/read", 422) == ["no_digit"]
    assert codes(document, "/read", 413) == ["too_large", "too_many_digits"]


def schemathesis(server: Server, document: str | Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", "tests/service/schemathesis.toml"]
    url = f"http://127.0.0.1:{server.port}"
    arguments = ["run", str(document), "--url", url, "--seed", "1", "--no-color", "-H", f"Authorization: Bearer {KEY}"]
    return subprocess.run([*command, *arguments, *options], cwd=ROOT, capture_output=True, text=True)


@pytest.mark.slow
def test_schemathesis_finds_nothing(server: Server) -> None:
    result = schemathesis(server, f"http://127.0.0.1:{server.port}/openapi.json", "--max-examples", "15")
    assert result.returncode == 0, result.stdout


def test_schemathesis_finds_what_is_wrong(server: Server, document: dict[str, Any], tmp_path: Path) -> None:
    digit = document["components"]["schemas"]["Prediction"]["properties"]["digit"]
    digit["maximum"] = 6
    (tmp_path / "wrong.json").write_text(json.dumps(document))
    result = schemathesis(server, tmp_path / "wrong.json", "--include-path", "/predict", "--phases", "fuzzing")
    assert result.returncode == 1
    assert "7 is greater than the maximum of 6" in result.stdout
