"""HTTP to the tracking server and to S3, signed where AWS wants it. Standard library only: it goes with the driver into
images that have neither MLflow nor boto3; `ml` itself uses it where importing MLflow would take longer than asking.

Signatures: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
Where an ARN leads, and how its server wants requests: sagemaker-mlflow 0.5 (mlflow_sagemaker_helpers.py, auth.py).
MLflow's REST API: https://mlflow.org/docs/latest/api_reference/rest-api.html
"""

# It runs in Pythons that this project does not choose.
# pyright: basic

import base64
import datetime
import hashlib
import hmac
import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request

TIMEOUT_S = 10
"""A job's machines cost money while they wait for an answer."""
PAUSES_S = (0.2, 1.0)
"""Before a request is repeated that was answered with 429 or 5xx, or once by nobody."""
BINARY = {"Content-Type": "application/octet-stream"}
DNS_SUFFIXES = {"aws": "amazonaws.com", "aws-us-gov": "amazonaws.com", "aws-cn": "amazonaws.com.cn"}


class HttpError(Exception):
    """A request that failed. status: HTTP's, 0 where nobody answered. code: MLflow's error_code, or empty."""

    def __init__(self, message, status=0, code=""):
        super().__init__(message)
        self.status = status
        self.code = code


def is_trouble(error):
    """Whether an error is the server's, or nobody answered: the next request is likely to end the same."""
    return isinstance(error, HttpError) and (error.status == 0 or error.status >= 500)


class Credentials:
    """Keys for AWS. expires: seconds since the epoch, None where nobody knows."""

    def __init__(self, access_key, secret_key, token=None, expires=None):
        self.access_key = access_key
        self.secret_key = secret_key
        self.token = token
        self.expires = expires


class ContainerCredentials:
    """The credentials of the container that this runs in, fetched again before they expire.

    Variables first, then the container's provider, as the SDKs do
    (https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html), then botocore where it is.
    """

    def __init__(self):
        self._known = None

    def __call__(self):
        known = self._known
        if known is None or (known.expires and known.expires - time.time() < 300):
            self._known = known = _from_variables() or _from_container() or _from_botocore()
        if known is None:
            raise HttpError("no AWS credentials in this container")
        return known


def _from_variables():
    key, secret = os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY")
    return Credentials(key, secret, os.environ.get("AWS_SESSION_TOKEN")) if key and secret else None


def _from_container():
    relative = os.environ.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
    url = "http://169.254.170.2" + relative if relative else os.environ.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")
    if not url:
        return None
    token = os.environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", "")
    token_file = os.environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
    if token_file:
        with open(token_file) as file:  # noqa: PTH123
            token = file.read().strip()
    _, body = send("GET", url, {"Authorization": token} if token else {})
    document = json.loads(body)
    expires = document.get("Expiration")
    moment = None
    if expires:
        parsed = datetime.datetime.strptime(expires, "%Y-%m-%dT%H:%M:%SZ")
        moment = parsed.replace(tzinfo=datetime.timezone.utc).timestamp()  # noqa: UP017 - older Pythons
    return Credentials(document["AccessKeyId"], document["SecretAccessKey"], document.get("Token"), moment)


def _from_botocore():
    try:
        from botocore.session import Session
    except ImportError:
        return None
    found = Session().get_credentials()
    if found is None:
        return None
    frozen = found.get_frozen_credentials()
    return Credentials(frozen.access_key, frozen.secret_key, frozen.token, time.time() + 900)


def send(method, url, headers, body=b"", timeout=TIMEOUT_S):
    """One request, as it is: the status and the body. Raises HttpError."""
    request = urllib.request.Request(url, data=body or None, headers=headers, method=method)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:  # noqa: S310 - our own server's address
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        text = error.read()[:2000].decode("utf-8", "replace")
        try:
            document = json.loads(text)
            message, code = str(document.get("message", text)), str(document.get("error_code", ""))
        except (ValueError, AttributeError):
            message, code = text[:300], ""
        raise HttpError(f"HTTP {error.code}: {message}", error.code, code) from None
    except (urllib.error.URLError, OSError) as error:
        raise HttpError(f"{urllib.parse.urlsplit(url).netloc}: {getattr(error, 'reason', error)}") from None


def patiently(attempt):
    """What `attempt` returns; again, after a pause, where nobody answered or the server had no time."""
    unanswered = 0
    for pause in (*PAUSES_S, None):
        try:
            return attempt()
        except HttpError as error:
            unanswered += error.status == 0
            again = unanswered == 1 if error.status == 0 else error.status == 429 or error.status >= 500
            if pause is None or not again:
                raise
            time.sleep(pause)
    return None


def signed(method, url, headers, payload_hash, credentials, region, service, moment=None):
    """The headers with AWS Signature Version 4 added. payload_hash: SHA-256 of the body, in hex."""
    moment = moment or time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    parts = urllib.parse.urlsplit(url)
    all_headers = dict(headers)
    all_headers.update({"Host": parts.netloc, "X-Amz-Date": moment, "X-Amz-Content-SHA256": payload_hash})
    if credentials.token:
        all_headers["X-Amz-Security-Token"] = credentials.token
    canonical = sorted((name.lower(), " ".join(value.split())) for name, value in all_headers.items())
    names = ";".join(name for name, _ in canonical)
    # A path that is encoded already: S3 signs it as it is, every other service encodes it once more.
    path = parts.path or "/"
    path = path if service == "s3" else urllib.parse.quote(path, safe="/~")
    request = "\n".join(
        [method, path, parts.query, *(f"{name}:{value}" for name, value in canonical), "", names, payload_hash]
    )
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(request.encode()).hexdigest()])
    key = ("AWS4" + credentials.secret_key).encode()
    for word in scope.split("/"):
        key = hmac.new(key, word.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    all_headers["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={credentials.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return all_headers


def query_of(parameters):
    """A query in the order and encoding that signatures want."""
    return "&".join(
        f"{urllib.parse.quote(name, safe='-_.~')}={urllib.parse.quote(str(value), safe='-_.~')}"
        for name, value in sorted(parameters.items())
    )


class Tracking:
    """The REST API of a tracking server.

    uri: an ARN of SageMaker's tracking server or MLflow app, or an HTTP(S) address. credentials: a function that
    returns Credentials; asked only where requests are signed.
    """

    def __init__(self, uri, credentials):
        self._credentials = credentials
        self._headers = {"Content-Type": "application/json"}
        self._service = self._region = ""
        if uri.startswith("arn:"):
            _, _, _, self._region, _, resource = uri.split(":", 5)
            app = resource.startswith("mlflow-app/")
            self._service = "sagemaker" if app else "sagemaker-mlflow"
            self._headers["x-sm-mlflow-app-arn" if app else "x-mlflow-sm-tracking-server-arn"] = uri
            own = f"mlflow.sagemaker.{self._region}.app.aws" if app else f"{self._region}.experiments.sagemaker.aws"
            self.url = (os.environ.get("SAGEMAKER_MLFLOW_CUSTOM_ENDPOINT") or f"https://{own}").rstrip("/")
        else:
            self.url = uri.rstrip("/")
            if os.environ.get("MLFLOW_TRACKING_TOKEN"):
                self._headers["Authorization"] = "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"]
            elif os.environ.get("MLFLOW_TRACKING_USERNAME"):
                user = os.environ["MLFLOW_TRACKING_USERNAME"] + ":" + os.environ.get("MLFLOW_TRACKING_PASSWORD", "")
                self._headers["Authorization"] = "Basic " + base64.b64encode(user.encode()).decode()

    def call(self, method, operation, parameters):
        """One operation of the API, such as `runs/create`; its answer. Raises HttpError."""
        url, body = f"{self.url}/api/2.0/mlflow/{operation}", b""
        if method == "GET":
            url += "?" + query_of(parameters)
        else:
            body = json.dumps(parameters).encode()
        return json.loads(self._send(method, url, body) or b"{}")

    def put_artifact(self, path, body):
        """Store an artifact through the server, for a run whose artifact URI is `mlflow-artifacts:/…`."""
        quoted = urllib.parse.quote(path.lstrip("/"), safe="/~")
        self._send("PUT", f"{self.url}/api/2.0/mlflow-artifacts/artifacts/{quoted}", body, BINARY)

    def _send(self, method, url, body, more=None):
        def attempt():
            headers = {**self._headers, **(more or {})}
            if self._service:
                digest = hashlib.sha256(body).hexdigest()
                headers = signed(method, url, headers, digest, self._credentials(), self._region, self._service)
            return send(method, url, headers, body)[1]

        return patiently(attempt)


class Artifacts:
    """Where a run keeps its artifacts: an `s3://` prefix, or the tracking server itself."""

    def __init__(self, uri, tracking, credentials, region):
        self.uri = uri.rstrip("/")
        self._tracking = tracking
        self._credentials = credentials
        self._region = region

    def put(self, name, body):
        """Store one file. Raises HttpError."""
        parts = urllib.parse.urlsplit(self.uri)
        if parts.scheme == "mlflow-artifacts":
            self._tracking.put_artifact(f"{parts.path}/{name}", body)
        elif parts.scheme == "s3":
            url = object_url(parts.netloc, f"{parts.path.lstrip('/')}/{name}", self._region)
            digest = hashlib.sha256(body).hexdigest()

            def attempt():
                headers = signed("PUT", url, BINARY, digest, self._credentials(), self._region, "s3")
                send("PUT", url, headers, body, 300)

            patiently(attempt)
        else:
            raise HttpError(f"artifacts at {parts.scheme}: are not written from here")


_own_credentials = ContainerCredentials()


def is_there(uri, region):
    """Whether an object is in S3. Where the role may not list the bucket, S3 answers 403 for one that is not."""
    bucket, _, key = uri[len("s3://") :].partition("/")
    url = object_url(bucket, key, region)

    def attempt():
        empty = hashlib.sha256(b"").hexdigest()
        return send("HEAD", url, signed("HEAD", url, {}, empty, _own_credentials(), region, "s3"))

    try:
        patiently(attempt)
    except HttpError as error:
        if error.status in (403, 404):
            return False
        raise
    return True


def object_url(bucket, key, region):
    """The address of an object: below the endpoint that the environment sets, else the bucket's own host."""
    quoted = urllib.parse.quote(key, safe="/-_.~")
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if endpoint:
        return f"{endpoint.rstrip('/')}/{bucket}/{quoted}"
    partition = "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"
    return f"https://{bucket}.s3.{region}.{DNS_SUFFIXES[partition]}/{quoted}"
