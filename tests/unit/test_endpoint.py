"""The endpoint generator against a real HTTP server on the loopback: good answers, bad ones, and none."""

import base64
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from audit.catalog import build_as, identity
from audit.component import Encoded, Generator, Product, Request
from audit.digest import canonical_json
from audit.errors import GenerationError, InputError, SpecError
from audit.images import encode_png
from audit.records import Draw, Failed, Filtered, Probe, Refused, TextPrompt
from audit.spec import Use
from audit.testing import check_generator
from generators.endpoint import Endpoint
from generators.endpoint_reply import Again, Answer, Hopeless, Link, read_answer

KEY = "sk-test-0123456789abcdef"
PNG = encode_png(np.zeros((2, 2, 3), dtype=np.uint8))


@dataclass
class Seen:
    """One request as the server got it."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    at: float


@dataclass
class Reply:
    """What the server answers."""

    status: int = 200
    body: bytes | dict[str, Any] = b""
    headers: dict[str, str] = field(default_factory=dict)
    drip: float = 0.0
    """Seconds between the bytes of the body."""


Script = Callable[[Seen], Reply | None]
"""None: never answer."""


class QuietServer(ThreadingHTTPServer):
    """Says nothing of clients that leave in the middle, as some of these must."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        pass


class Server:
    """An image API whose answers a test writes."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.script: Script = lambda _: image()
        self.most_at_once = 0
        self.leave = threading.Event()
        self._at_once = 0
        self._lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

            def do_POST(self) -> None:
                server.answer(self)

            def do_GET(self) -> None:
                server.answer(self)

        self.http = QuietServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        self._thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        seen = Seen(handler.path, dict(handler.headers), json.loads(body) if body else {}, time.monotonic())
        with self._lock:
            self.seen.append(seen)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        reply = self.script(seen)
        with self._lock:
            self._at_once -= 1
        if reply is None:
            self.leave.wait(30)
            handler.close_connection = True
            return
        data = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        try:
            handler.send_response(reply.status)
            for name, value in {"Content-Length": str(len(data)), **reply.headers}.items():
                handler.send_header(name, value)
            handler.end_headers()
            for start in range(0, len(data), 1 if reply.drip else len(data) or 1):
                handler.wfile.write(data[start : start + 1] if reply.drip else data)
                self.leave.wait(reply.drip)
        except (BrokenPipeError, ConnectionResetError):
            handler.close_connection = True

    def close(self) -> None:
        self.leave.set()
        self.http.shutdown()
        self._thread.join()
        self.http.server_close()


def image(data: bytes = PNG, **item: Any) -> Reply:
    return Reply(body={"created": 1, "data": [{"b64_json": base64.b64encode(data).decode(), **item}]})


def error(status: int, code: str = "", message: str = "", **rest: Any) -> Reply:
    return Reply(status, {"error": {"code": code, "message": message, **rest}})


def in_turn(*replies: Reply | None) -> Script:
    """Each request gets the next reply, the last one for ever."""
    left = list(replies)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("TEST_IMAGE_KEY", KEY)
    served = Server()
    yield served
    served.close()


def endpoint(server: Server, **changes: Any) -> Endpoint:
    params = {"base_url": f"{server.url}/v1", "model": "m", "key_env": "TEST_IMAGE_KEY", "first_pause_seconds": 0.01}
    return Endpoint(**{**params, "retries": 2, "timeout_seconds": 5.0, **changes})


def requests(*prompts: str) -> list[Request]:
    probes = [Probe(suite="s", condition=TextPrompt(text=prompt)) for prompt in prompts]
    return [Request(Draw(generator="g", probe=p.id, index=0, seed=2**40 + n), p) for n, p in enumerate(probes)]


def draw(generator: Endpoint, *prompts: str) -> list[Product]:
    with generator.open("cpu") as batch:
        return list(batch(requests(*prompts or ("a cat",))))


def failed(product: Product) -> str:
    assert isinstance(product, Failed), product
    return product.reason


# ------------------------------------------------------------------------------------------------- it works


def test_the_bytes_that_arrive_are_the_product_and_the_request_is_the_documented_one(server: Server) -> None:
    generator = endpoint(server, extra={"quality": "high"}, size="512x768")
    assert draw(generator) == [Encoded(PNG)]
    (seen,) = server.seen
    assert seen.path == "/v1/images/generations"
    assert seen.body == {"model": "m", "prompt": "a cat", "size": "512x768", "n": 1, "quality": "high"}
    assert seen.headers["Authorization"] == f"Bearer {KEY}"


def test_it_keeps_the_promises_of_a_generator(server: Server) -> None:
    check_generator(endpoint(server))


@pytest.mark.parametrize("linked", [False, True])
def test_a_prompt_that_the_service_rewrote_stays_with_the_image(server: Server, linked: bool) -> None:
    pointing = Reply(body={"data": [{"url": f"{server.url}/image.png", "revised_prompt": "a smiling nurse"}]})
    server.script = in_turn(pointing, Reply(body=PNG)) if linked else in_turn(image(revised_prompt="a smiling nurse"))
    (product,) = draw(endpoint(server), "a nurse")
    assert isinstance(product, Encoded)
    assert (product.data, product.note) == (PNG, "drawn instead: a smiling nurse")


def test_images_come_back_in_the_order_of_the_requests(server: Server) -> None:
    def slow_first(seen: Seen) -> Reply:
        time.sleep(0.15 if seen.body["prompt"] == "0" else 0)
        return image(seen.body["prompt"].encode())

    server.script = slow_first
    assert draw(endpoint(server), *"01234567") == [Encoded(str(n).encode()) for n in range(8)]


def test_no_more_requests_run_at_once_than_asked(server: Server) -> None:
    def slow(_: Seen) -> Reply:
        time.sleep(0.05)
        return image()

    server.script = slow
    draw(endpoint(server, concurrency=3), *map(str, range(9)))
    assert server.most_at_once == 3


def test_prompts_pass_unchanged(server: Server) -> None:
    prompts = ["x" * 10_000, "<b>&\"'", "a\tb\x07\n", "🙂 مرحبا", "\ud800 half"]
    draw(endpoint(server), *prompts)
    assert sorted(seen.body["prompt"] for seen in server.seen) == sorted(prompts)


def test_the_seed_is_sent_where_asked(server: Server) -> None:
    draw(endpoint(server, send_seed=True))
    draw(endpoint(server))
    assert server.seen[0].body["seed"] == 2**40 % 2**31
    assert "seed" not in server.seen[1].body


def test_linked_images_are_fetched_without_the_key(server: Server) -> None:
    def script(seen: Seen) -> Reply:
        if seen.path.startswith("/v1"):
            return Reply(body={"data": [{"url": f"{server.url}/files/x.png?signature=s"}]})
        return Reply(body=PNG)

    server.script = script
    assert draw(endpoint(server)) == [Encoded(PNG)]
    assert server.seen[1].path == "/files/x.png?signature=s"
    assert "Authorization" not in server.seen[1].headers
    assert KEY not in str(server.seen[1].headers)


def test_a_link_that_breaks_is_fetched_again_and_the_image_is_not_asked_for_again(server: Server) -> None:
    link = Reply(body={"data": [{"url": f"{server.url}/x.png?signature=s"}]})
    server.script = in_turn(link, Reply(503), Reply(body=PNG))
    assert draw(endpoint(server)) == [Encoded(PNG)]
    assert [seen.path.partition("?")[0] for seen in server.seen] == ["/v1/images/generations", "/x.png", "/x.png"]
    server.script = in_turn(link, Reply(403))
    reason = failed(draw(endpoint(server))[0])
    assert reason == "the image at 127.0.0.1 could not be fetched: HTTP 403"


def test_another_header_gets_the_bare_key_and_no_header_is_sent_without_one(server: Server) -> None:
    draw(endpoint(server, key_header="api-key"))
    assert server.seen[0].headers["api-key"] == KEY
    assert "Authorization" not in server.seen[0].headers
    draw(endpoint(server, key_env=""))
    assert "Authorization" not in server.seen[1].headers


# ----------------------------------------------------------------------------------------- refused and filtered


@pytest.mark.parametrize(
    "reply",
    [
        error(400, "content_policy_violation", "Your request was rejected."),
        error(400, "moderation_blocked", "blocked", type="image_generation_user_error"),
        error(400, "contentFilter", "filtered", inner_error={"code": "ResponsibleAIPolicyViolation"}),
        error(400, "", "Your request was rejected as a result of our safety system."),
        error(403, "", "", name="content_moderation"),
        Reply(422, {"detail": [{"code": "content_filter", "message": "no"}]}),
    ],
)
def test_a_content_policy_refusal_is_an_outcome_and_is_not_tried_again(server: Server, reply: Reply) -> None:
    server.script = in_turn(reply)
    (product,) = draw(endpoint(server))
    assert isinstance(product, Refused)
    assert product.reason.startswith(f"HTTP {reply.status}")
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    "reply",
    [
        error(400, "moderation_blocked", "blocked", moderation_details={"moderation_stage": "output"}),
        image(finish_reason="CONTENT_FILTERED"),
        Reply(body={"data": [{"b64_json": "", "respect_moderation": False}]}),
    ],
)
def test_an_image_that_was_drawn_and_withheld_is_filtered(server: Server, reply: Reply) -> None:
    server.script = in_turn(reply)
    assert isinstance(draw(endpoint(server))[0], Filtered)


# ------------------------------------------------------------------------------------------------ it goes wrong


def test_too_many_requests_are_repeated_after_the_time_that_the_server_names(server: Server) -> None:
    server.script = in_turn(Reply(429, headers={"Retry-After": "0.4"}), image())
    assert draw(endpoint(server)) == [Encoded(PNG)]
    assert 0.4 <= server.seen[1].at - server.seen[0].at < 3


@pytest.mark.parametrize("header", ["soon", "nan", "-5", "Wed, 21 Oct 2015 07:28:00 GMT"])
def test_a_useless_retry_after_falls_back_to_the_ordinary_pause(server: Server, header: str) -> None:
    server.script = in_turn(Reply(429, headers={"Retry-After": header}), image())
    assert draw(endpoint(server)) == [Encoded(PNG)]


def test_a_retry_after_of_a_day_is_cut(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("generators.endpoint_session.MAX_PAUSE_SECONDS", 0.1)
    server.script = in_turn(Reply(429, headers={"Retry-After": "86400"}), image())
    assert draw(endpoint(server)) == [Encoded(PNG)]


def test_pauses_grow_and_differ_between_draws(server: Server) -> None:
    server.script = in_turn(Reply(500))
    draw(endpoint(server, first_pause_seconds=0.1, retries=3), "a", "b")
    pauses = {}
    for prompt in "ab":
        at = [seen.at for seen in server.seen if seen.body["prompt"] == prompt]
        pauses[prompt] = np.diff(at)
        assert np.all(pauses[prompt] >= [0.05, 0.1, 0.2])
    assert np.abs(pauses["a"] - pauses["b"]).max() > 0.005


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 529])
def test_a_server_that_stays_out_of_order_is_a_failed_draw(server: Server, status: int) -> None:
    server.script = in_turn(error(status, "server_error", "try later"))
    assert failed(draw(endpoint(server))[0]) == f"HTTP {status}: server_error: try later; tried 3 times"
    assert len(server.seen) == 3


def test_one_failure_does_not_cost_the_rest_of_the_batch(server: Server) -> None:
    server.script = lambda seen: Reply(500) if seen.body["prompt"] == "bad" else image()
    first, second, third = draw(endpoint(server, retries=0), "good", "bad", "fine")
    assert failed(second) == "HTTP 500 without a body; tried 1 times"
    assert first == third == Encoded(PNG)


def test_a_server_that_never_answers_is_a_failed_draw(server: Server) -> None:
    server.script = in_turn(None)
    started = time.monotonic()
    reason = failed(draw(endpoint(server, timeout_seconds=0.3, retries=1))[0])
    assert reason == "no whole answer within 0.3 seconds; tried 2 times"
    assert time.monotonic() - started < 3


def test_a_server_that_answers_byte_by_byte_for_ever_is_cut_off(server: Server) -> None:
    server.script = in_turn(Reply(body=b"x" * 10_000, drip=0.02))
    started = time.monotonic()
    assert "no whole answer" in failed(draw(endpoint(server, timeout_seconds=0.3, retries=0))[0])
    assert time.monotonic() - started < 3


def test_a_closed_port_and_a_broken_connection_are_failed_draws(server: Server) -> None:
    server.script = in_turn(Reply(body=b"{", headers={"Content-Length": "500", "Connection": "close"}))
    assert "the connection to 127.0.0.1 failed" in failed(draw(endpoint(server, retries=0, timeout_seconds=1))[0])
    gone = endpoint(server, base_url="http://127.0.0.1:9", retries=0)
    assert "the connection to 127.0.0.1 failed" in failed(draw(gone)[0])


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (Reply(body=b"<html>busy</html>"), "not a JSON object but '<html>busy</html>'"),
        (Reply(body=b""), "not a JSON object but empty"),
        (Reply(body=b"\xff\x00"), "not a JSON object"),
        (Reply(body=b"[" * 100_000), "not a JSON object"),
        (Reply(body=b"[1]"), "not a JSON object"),
        (Reply(body={"images": []}), "no list `data` of images; its keys are images"),
        (Reply(body={"data": "x"}), "no list `data`"),
        (Reply(body={"data": [None]}), "no list `data`"),
        (Reply(body={"data": []}), "0 images in the answer; one was asked for"),
        (Reply(body={"data": [{"url": "a"}, {"url": "b"}]}), "2 images in the answer"),
        (Reply(body={"data": [{"b64": "x"}]}), "neither `b64_json` nor `url` in the answer; its keys are b64"),
        (Reply(body={"data": [{"b64_json": "%%%"}]}), "not base64"),
        (Reply(body={"data": [{"b64_json": "data:image/png;base64,AAAA"}]}), "not base64"),
        (Reply(body={"data": [{"b64_json": 5}]}), "holds no image"),
        (Reply(body={"data": [{"url": 5}]}), "neither"),
        (Reply(body={"data": [{"url": "data:image/png;base64,AAAA"}]}), "of kind 'data'; images come over https only"),
        (Reply(body={"data": [{"url": "file:///etc/passwd"}]}), "of kind 'file'"),
        (Reply(body={"data": [{"url": "/relative.png"}]}), "of kind ''"),
        (Reply(body={"data": [{"url": "https://u:p@example.com/x"}]}), "holds a user or password"),
        (Reply(body={"data": [{"url": "http://[::bad"}]}), "no address"),
        (Reply(body=b"junk", headers={"Content-Encoding": "gzip"}), "garbled"),
        (error(400, "invalid_size", "no such size\n\x07 here"), "HTTP 400: invalid_size: no such size here"),
        (Reply(400, {"error": "flat text"}), "HTTP 400: flat text"),
        (Reply(418, b"teapot"), "HTTP 418 and 'teapot'"),
    ],
)
def test_an_answer_that_makes_no_sense_is_a_failed_draw(server: Server, reply: Reply, message: str) -> None:
    server.script = in_turn(reply)
    reason = failed(draw(endpoint(server))[0])
    assert message in reason
    assert reason.isprintable()
    assert len(server.seen) == 1


def test_an_answer_without_end_is_cut_off(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("generators.endpoint_session.MAX_ANSWER_BYTES", 1000)
    server.script = in_turn(Reply(body=b"x" * 1_000_000))
    assert failed(draw(endpoint(server))[0]) == "the answer is larger than 1000 bytes"


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (error(401, "invalid_api_key", "Incorrect API key provided"), "key in TEST_IMAGE_KEY was not accepted"),
        (error(403, "", "not allowed"), "key in TEST_IMAGE_KEY was not accepted"),
        (error(429, "insufficient_quota", "You exceeded"), "quota or budget of the key in TEST_IMAGE_KEY is used up"),
        (error(400, "billing_hard_limit_reached", "limit"), "quota or budget"),
        (error(404, "model_not_found", "no m"), "correct `base_url` or `model`"),
        (Reply(302, headers={"Location": "https://example.com"}), "correct `base_url` or `model`"),
    ],
)
def test_what_no_later_draw_can_survive_stops_the_run(server: Server, reply: Reply, message: str) -> None:
    server.script = in_turn(reply)
    with pytest.raises(GenerationError, match=message):
        draw(endpoint(server), *map(str, range(8)))
    assert len(server.seen) <= 8  # none was tried again


def test_a_long_outage_stops_the_run_and_a_success_starts_the_count_again(server: Server) -> None:
    server.script = in_turn(Reply(500), Reply(500), image(), Reply(500))
    generator = endpoint(server, retries=0, concurrency=1, give_up_after=3)
    with generator.open("cpu") as batch:
        assert [type(product) for product in batch(requests("a", "b", "c", "d", "e"))] == [
            Failed,
            Failed,
            Encoded,
            Failed,
            Failed,
        ]
        with pytest.raises(GenerationError, match="3 draws in a row failed, the last with: HTTP 500"):
            batch(requests("f"))


def test_other_machines_get_no_plain_http_links_followed(server: Server) -> None:
    assert read_answer(Answer(200, b'{"data": [{"url": "http://10.0.0.1/x"}]}')) == Link("http://10.0.0.1/x")
    server.script = in_turn(Reply(body={"data": [{"url": "ftp://10.0.0.1/x"}]}))
    assert "https only" in failed(draw(endpoint(server))[0])


@pytest.mark.parametrize("status", range(300, 600, 7))
def test_every_status_without_a_body_has_a_meaning(status: int) -> None:
    found = read_answer(Answer(status, b"", wait_seconds=3.0))
    assert isinstance(found, Failed | Again | Hopeless)
    assert str(status) in found.reason


# --------------------------------------------------------------------------------------------- the key is secret


def test_the_key_appears_nowhere(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore", "asyncio"):
        caplog.set_level(logging.DEBUG, logger=name)
    generator = endpoint(server)
    said: list[str] = []
    for reply in (image(), error(400, "bad", f"your key {KEY} is odd"), error(500, "", KEY), Reply(200, KEY.encode())):
        server.script = in_turn(reply)
        said.append(str(draw(generator)))
    server.script = in_turn(error(401, "", f"Incorrect API key provided: {KEY}"))
    with pytest.raises(GenerationError) as caught:
        draw(generator)
    said += [str(caught.value), repr(caught.value), repr(generator), str(generator.settings()), generator.model_dump_json()]
    assert any("[key]" in text for text in said)
    assert caplog.records
    for text in (*said, caplog.text):
        assert KEY not in text
        assert base64.b64encode(KEY.encode()).decode() not in text


def test_a_key_that_is_missing_or_odd_is_named_by_its_variable_before_any_request(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for value in (None, "", "  \n"):
        monkeypatch.delenv("TEST_IMAGE_KEY") if value is None else monkeypatch.setenv("TEST_IMAGE_KEY", value)
        with pytest.raises(InputError, match="environment variable TEST_IMAGE_KEY is not set"):
            endpoint(server).check()
    for value in ("sk a", "sk\nb", "schlüssel"):
        monkeypatch.setenv("TEST_IMAGE_KEY", value)
        with pytest.raises(InputError, match="holds no key") as caught:
            endpoint(server).check()
        assert value not in str(caught.value)
    assert not server.seen


def test_a_key_with_a_newline_at_its_end_works(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_IMAGE_KEY", KEY + "\n")
    draw(endpoint(server))
    assert server.seen[0].headers["Authorization"] == f"Bearer {KEY}"


# --------------------------------------------------------------------------------------------------- parameters


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"base_url": "api.example.com/v1"}, "base_url: .*not an address such as https"),
        ({"base_url": "ftp://x/v1"}, "base_url: .*not an address"),
        ({"base_url": "https://user:pw@x/v1"}, "would be stored"),
        ({"base_url": "https://x/v1?api-key=1"}, "would be stored"),
        ({"size": "big"}, "size: "),
        ({"size": "0x10"}, "size: "),
        ({"extra": {"prompt": "x"}}, "'prompt' is set by the audit itself"),
        ({"extra": {"api_key": "x"}}, "looks like a secret"),
        ({"timeout_seconds": float("inf")}, "timeout_seconds: "),
        ({"modle": "m"}, "did you mean 'model'"),
    ],
)
def test_wrong_parameters_are_named(params: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        build_as("generators", Use(use="endpoint", params={"base_url": "https://x/v1", "model": "m", **params}), Generator)


def test_plain_http_leaves_this_machine_only_when_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    for host in ("127.0.0.1:8000", "localhost", "[::1]:80"):
        Endpoint(base_url=f"http://{host}/v1", model="m").check()
    for host in ("example.com", "localhost.example.com", "10.0.0.1", "0.0.0.0"):
        with pytest.raises(InputError, match="use https, or set `allow_http: true`"):
            Endpoint(base_url=f"http://{host}/v1", model="m").check()
        Endpoint(base_url=f"http://{host}/v1", model="m", allow_http=True).check()


def test_how_it_is_asked_decides_the_identity_and_how_fast_does_not() -> None:
    base = Endpoint(base_url="https://x/v1", model="m")
    assert identity(base, "cpu") == identity(
        Endpoint(base_url="https://x/v1/", model="m", retries=9, concurrency=1, batch=2), "cpu"
    )
    for change in ({"model": "n"}, {"size": "512x512"}, {"extra": {"quality": "low"}}, {"send_seed": True}):
        assert identity(Endpoint(**{"base_url": "https://x/v1", "model": "m", **change}), "cpu") != identity(base, "cpu")


def test_settings_tell_a_reader_what_was_asked() -> None:
    generator = Endpoint(base_url="https://x/v1", model="m", extra={"quality": "high"}, size="auto")
    assert generator.settings()["extra"] == canonical_json({"quality": "high"}).decode()
    assert generator.asked_size() is None
    assert Endpoint(base_url="https://x/v1", model="m", size="512x768").asked_size() == (512, 768)
    assert generator.accepts() == (TextPrompt,)
    assert not generator.fixed_block()


# ------------------------------------------------------------------------------------------------------ stopping

WAITING = """
import sys
from generators.endpoint import Endpoint
from audit.component import Request
from audit.records import Draw, Probe, TextPrompt
probe = Probe(suite="s", condition=TextPrompt(text="x"))
with Endpoint(base_url=sys.argv[1], model="m", key_env="").open("cpu") as draw:
    print("ready", flush=True)
    draw([Request(Draw(generator="g", probe=probe.id, index=i, seed=i), probe) for i in range(9)])
"""


def test_ctrl_c_ends_a_wait_at_once(server: Server) -> None:
    server.script = in_turn(None)
    command = [sys.executable, "-c", WAITING, server.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ}) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        deadline = time.monotonic() + 20
        while len(server.seen) < 4 and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        started = time.monotonic()
        _, said = process.communicate(timeout=20)
    assert time.monotonic() - started < 5
    assert said.rstrip().endswith(b"KeyboardInterrupt")
    assert len(server.seen) == 4


def fail_while_open(server: Server) -> None:
    with endpoint(server).open("cpu") as batch:
        batch(requests("a"))
        raise ZeroDivisionError


def test_leaving_after_an_error_leaves_no_thread_behind(server: Server) -> None:
    before = threading.active_count()
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            fail_while_open(server)
    assert not [t for t in threading.enumerate() if t.name == "imgaudit-endpoint"]
    assert threading.active_count() <= before + 3  # the server's own, for connections that are closing
