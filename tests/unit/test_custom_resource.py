"""CloudFormation always gets its answer."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from functions.aws import custom_resource


class Context:
    def __init__(self, seconds=60.0):
        self.seconds = seconds

    def get_remaining_time_in_millis(self):
        return int(self.seconds * 1000)


@pytest.fixture
def cloudformation():
    """A server that takes answers, and refuses the first so many."""

    class Handler(BaseHTTPRequestHandler):
        refuse = 0

        def do_PUT(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if Handler.refuse:
                Handler.refuse -= 1
                self.send_response(503)
            else:
                Handler.answers.append((dict(self.headers), body))
                self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    Handler.answers = []
    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    Handler.url = f"http://127.0.0.1:{server.server_port}/answer?signature=x"
    yield Handler
    server.shutdown()
    thread.join()
    server.server_close()


def request(url="", **values):
    return {
        "RequestType": "Create",
        "ResponseURL": url,
        "StackId": "arn:aws:cloudformation:eu-west-1:1:stack/tracelake-main-ingest/8f2",
        "RequestId": "request-1",
        "LogicalResourceId": "Subscriptions",
        **values,
    }


def parsed(answer):
    return json.loads(answer[1])


def test_success_carries_what_the_work_returns(cloudformation):
    custom_resource.answer(request(cloudformation.url), Context(), lambda: {"subscribed": 3})
    [answer] = cloudformation.answers
    assert parsed(answer) == {
        "Status": "SUCCESS",
        "Reason": "",
        "PhysicalResourceId": "tracelake-main-ingest-Subscriptions",
        "StackId": "arn:aws:cloudformation:eu-west-1:1:stack/tracelake-main-ingest/8f2",
        "RequestId": "request-1",
        "LogicalResourceId": "Subscriptions",
        "Data": {"subscribed": 3},
    }


def test_the_content_type_is_empty_as_the_url_is_signed(cloudformation):
    custom_resource.answer(request(cloudformation.url), Context(), dict)
    assert cloudformation.answers[0][0]["Content-Type"] == ""


def test_an_exception_is_answered_with_its_reason_and_goes_no_further(cloudformation):
    def work():
        raise LookupError("environment variable STREAM_ARN is not set")

    custom_resource.answer(request(cloudformation.url), Context(), work)
    [answer] = cloudformation.answers
    assert parsed(answer)["Status"] == "FAILED"
    assert parsed(answer)["Reason"] == "LookupError: environment variable STREAM_ARN is not set"


def test_work_that_runs_into_the_end_of_the_function_is_answered_before(cloudformation):
    answered = threading.Event()

    def work():
        while not cloudformation.answers:
            answered.wait(0.01)
        return {}

    custom_resource.answer(request(cloudformation.url), Context(seconds=0.0), work)
    [answer] = cloudformation.answers
    assert parsed(answer)["Status"] == "FAILED"
    assert "out of time" in parsed(answer)["Reason"]


def test_an_answer_that_is_refused_is_sent_again(cloudformation, monkeypatch):
    monkeypatch.setattr(custom_resource.time, "sleep", lambda _seconds: None)
    cloudformation.refuse = 2
    custom_resource.answer(request(cloudformation.url), Context(), dict)
    assert len(cloudformation.answers) == 1


def test_an_answer_that_cannot_be_delivered_is_an_error_of_the_function(cloudformation, monkeypatch):
    monkeypatch.setattr(custom_resource.time, "sleep", lambda _seconds: None)
    cloudformation.refuse = 100
    with pytest.raises(OSError, match="503"):
        custom_resource.answer(request(cloudformation.url), Context(), dict)


def test_the_id_stays_what_it_was():
    assert custom_resource.physical_id(request(PhysicalResourceId="given")) == "given"
    assert custom_resource.physical_id(request()) == custom_resource.physical_id(request(RequestType="Delete"))


@pytest.mark.parametrize("reason", ["x" * 10_000, "\u00fc" * 10_000, "\U0001f600" * 10_000, '"\\\n' * 5_000])
def test_an_answer_is_never_larger_than_is_taken(reason):
    body = custom_resource.body(request(), "FAILED", reason, {"much": "y" * 10_000})
    assert len(body) <= custom_resource.MAX_BODY_BYTES
    assert json.loads(body)["Status"] == "FAILED"
    assert json.loads(body)["Reason"]


def test_a_schedule_is_no_custom_resource():
    assert custom_resource.is_custom_resource(request())
    assert not any(map(custom_resource.is_custom_resource, (None, {}, [], {"source": "aws.events"})))
