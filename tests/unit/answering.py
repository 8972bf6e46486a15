"""Real AWS clients whose requests are answered here: botocore validates what goes out, and the answers too."""

import boto3
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.validate import validate_parameters


class RefusedError(Exception):
    """Makes an answer an error of AWS."""

    def __init__(self, code, message="refused"):
        super().__init__(code)
        self.code, self.message = code, message


def answering(service, answer):
    """A client that sends nothing: `answer(operation, params)` gives the result, or raises `RefusedError`."""
    client = boto3.client(
        service,
        region_name="eu-west-1",
        aws_access_key_id="none",
        aws_secret_access_key="none",
        config=Config(parameter_validation=True),
    )
    asked = []

    def remember(params, model, **_):
        asked.append(dict(params))

    def respond(model, **_):
        try:
            result = answer(model.name, asked[-1]) or {}
        except RefusedError as error:
            parsed = {"Error": {"Code": error.code, "Message": error.message}, "ResponseMetadata": {}}
            return AWSResponse(None, 400, {}, None), parsed
        if model.output_shape is not None:
            validate_parameters(result, model.output_shape)
        return AWSResponse(None, 200, {}, None), {**result, "ResponseMetadata": {}}

    service_id = client.meta.service_model.service_id.hyphenize()
    client.meta.events.register_first(f"before-parameter-build.{service_id}.*", remember)
    client.meta.events.register_first(f"before-call.{service_id}.*", respond)
    return client
