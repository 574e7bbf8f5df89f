"""What the server says of itself without a token, and its documentation, from here alone."""

from __future__ import annotations

import re

from prometheus_client.parser import text_string_to_metric_families

from cascade.service import Service
from tests.helpers.observe import Database

from .conftest import House


def test_alive_and_ready(house: House, database_url: str) -> None:
    anybody = house["none"]
    assert anybody("GET", "/healthz").json == {"alive": True}
    reply = anybody("GET", "/readyz")
    assert reply.status == 503
    there = {"ready": False, "database": True, "schema": True, "worker": False}
    assert reply.json == there
    other = Service(house.service.settings)
    with other.executing():
        from tests.helpers.observe import wait_for

        wait_for(lambda: anybody("GET", "/readyz").status == 200, "a worker, wherever it is")
        assert anybody("GET", "/readyz").json == dict.fromkeys(there, True)
    other.close()
    Database(database_url).execute("UPDATE cascade_alembic_version SET version_num = '9999'")
    assert anybody("GET", "/readyz").json["schema"] is False
    assert anybody("GET", "/healthz").status == 200


def test_figures(house: House) -> None:
    with house.service.executing():
        done = house["editor"]("POST", "/api/ai/regenerate-beats-cascade", house.order())
    used = done.events[-1]["totalCreditsUsed"]
    opened = house["editor"].open(
        "POST", "/api/ai/regenerate-beats-cascade", house.order("setup", 2, 3)
    )
    opened.recv(100)
    opened.close()
    reply = house["none"]("GET", "/metrics")
    assert reply.headers["content-type"].startswith("text/plain")
    found = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(reply.body.decode())
        for sample in family.samples
    }
    assert found["cascade_runs", "done"] == 1
    assert found["cascade_runs", "queued"] == 1
    steps = found["cascade_steps", "saved"]
    assert steps > 3
    assert found["cascade_credits", "captured"] == used
    assert found["cascade_credits", "held"] > 0
    calls = {name: value for name, value in found.items() if name[0].endswith("_seconds_count")}
    assert sum(calls.values()) == steps
    assert found["cascade_queue_age_seconds",] >= 0
    assert any(name[0] == "cascade_model_retries_total" for name in found)
    assert any(name[0] == "cascade_model_tokens_total" for name in found)


def test_the_documentation_needs_no_other_server(house: House) -> None:
    reply = house["none"]("GET", "/api/docs")
    assert reply.status == 200
    page = reply.body.decode()
    addresses = re.findall(r'(?:src|href|url)\s*[=:]\s*["\']([^"\']+)', page)
    assert addresses
    assert not any(one.startswith(("http", "//")) for one in addresses), addresses
    for one in addresses:
        assert house["none"]("GET", one).status == 200, one


def test_below_the_path_that_the_page_is_served_at(house: House) -> None:
    editor = house["editor"]
    assert editor("GET", "/some/where/api/stories").json == editor("GET", "/api/stories").json
    assert editor("GET", "/some/where/api/nothing").json["code"] == "not_found"
    assert editor("GET", "/where/healthz").json == {"alive": True}
    page = editor("GET", "/where/api/docs").body.decode()
    assert "/where/api/openapi.json" in page


def test_the_document_names_every_refusal(house: House) -> None:
    document = house["none"]("GET", "/api/openapi.json").json
    for methods in document["paths"].values():
        for operation in methods.values():
            assert "401" in operation["responses"]
            assert "HTTPValidationError" not in str(operation)
