"""Which requests the AWS server takes for a web page's."""

import pytest

from local.aws_server.browsers import refusal

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"HTTP_HOST": "127.0.0.1:20010"},
        {"HTTP_HOST": "localhost:20010"},
        {"HTTP_HOST": "[::1]:20010"},
        {"HTTP_HOST": "bucket.localhost:20010"},
        {"HTTP_HOST": "127.0.0.1:20010", "HTTP_ORIGIN": "http://localhost:8888"},
        {"HTTP_HOST": "127.0.0.1:20010", "HTTP_SEC_FETCH_SITE": "none"},
    ],
)
def test_clients_of_this_machine_are_answered(headers: dict[str, str]):
    assert refusal(headers) is None


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"HTTP_HOST": "rebound.example.com:20010"}, "not for rebound.example.com"),
        ({"HTTP_HOST": "127.0.0.1.example.com"}, "not for 127.0.0.1.example.com"),
        ({"HTTP_HOST": "[::1"}, "not for"),
        ({"HTTP_HOST": "127.0.0.1", "HTTP_ORIGIN": "https://example.com"}, "no page of https://example.com"),
        ({"HTTP_HOST": "127.0.0.1", "HTTP_ORIGIN": "null"}, "no page of null"),
        ({"HTTP_HOST": "127.0.0.1", "HTTP_SEC_FETCH_SITE": "cross-site"}, "another site"),
    ],
)
def test_a_page_of_another_site_is_refused_by_its_name_or_by_its_origin(headers: dict[str, str], said: str):
    answer = refusal(headers)
    assert answer is not None
    assert answer.status == 403
    assert isinstance(answer.body, bytes)
    assert said in answer.body.decode()
