"""Each error becomes a response of one form, and each rejected image is counted."""

import logging

import pytest
from flask.testing import FlaskClient
from prometheus_client import REGISTRY

from service.api.error_responses import to_batch_items
from service.app import create_app
from service.errors import InternalError, ModelError, NoDigit
from service.inference.schemas import ErrorResponse, ModelName
from service.settings import Settings


@pytest.fixture
def client() -> FlaskClient:
    app = create_app(Settings())

    @app.get("/no-model")
    def raise_service_error() -> str:
        raise ModelError("There is no model.")

    @app.get("/fault")
    def raise_other_error() -> str:
        raise ZeroDivisionError("a secret")

    return app.test_client()


def test_errors_of_the_service_have_their_status_code_and_headers(client: FlaskClient) -> None:
    response = client.get("/no-model")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
    assert response.get_data() == b'{"error":"There is no model.","code":"no_model"}'


def test_errors_of_the_framework_have_the_same_form(client: FlaskClient) -> None:
    response = client.post("/livez")
    assert (response.status_code, response.get_json()["code"]) == (405, "method_not_allowed")
    assert {"GET", "HEAD", "OPTIONS"} == {*response.headers["Allow"].split(", ")}
    assert client.get("/nope").get_json() == {"error": "GET /nope: not found.", "code": "not_found"}


def test_faults_are_logged_and_not_shown(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "service.app"):
        response = client.get("/fault", headers={"X-Request-ID": "seven"})
    assert (response.status_code, response.get_json()) == (
        500,
        {"error": "Something went wrong here; it is in the log.", "code": "internal_error"},
    )
    (entry,) = caplog.records
    assert "a secret" in str(entry.exc_info)
    assert vars(entry)["fields"] == [{"id": "seven"}]


def test_rejected_images_of_a_batch_keep_their_place() -> None:
    def count() -> float:
        return REGISTRY.get_sample_value("mnist_refused_total", {"code": "no_digit"}) or 0

    before, name = count(), ModelName("mnist", "3")
    items = to_batch_items([name, NoDigit("It is blank."), name])
    assert items == [name, ErrorResponse("It is blank.", "no_digit"), name]
    assert count() == before + 1


def test_a_fault_has_the_code_of_internal_errors() -> None:
    assert (InternalError().status, ErrorResponse.of(InternalError()).code) == (500, "internal_error")
