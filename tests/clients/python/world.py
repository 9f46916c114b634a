"""How the tests reach the local BigQuery: the code that docs/guides/clients.md shows."""

import json
import os

import google.auth.transport.requests
import grpc
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import BigQueryReadClient
from google.cloud.bigquery_storage_v1.services.big_query_read.transports import (
    BigQueryReadGrpcTransport,
)
from google.oauth2 import service_account

PROJECT = os.environ["SLUICE_PROJECT"]
ENDPOINT = os.environ["SLUICE_ENDPOINT"]
GRPC = os.environ["SLUICE_GRPC"]
KEY = os.environ["SLUICE_KEY"]
READER_KEY = os.environ["SLUICE_READER_KEY"]
BUCKET = os.environ["SLUICE_BUCKET"]
ANONYMOUS_ENDPOINT = os.environ["SLUICE_ANONYMOUS_ENDPOINT"]
ANONYMOUS_GRPC = os.environ["SLUICE_ANONYMOUS_GRPC"]

SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]


def credentials(key_file=KEY):
    return service_account.Credentials.from_service_account_file(key_file, scopes=SCOPES)


def client(key_file=KEY):
    signed_in = credentials(key_file)
    return bigquery.Client(
        project=PROJECT,
        credentials=signed_in,
        client_options=ClientOptions(
            api_endpoint=ENDPOINT, universe_domain=signed_in.universe_domain
        ),
    )


def anonymous_client():
    return bigquery.Client(
        project=PROJECT,
        credentials=AnonymousCredentials(),
        client_options=ClientOptions(api_endpoint=ANONYMOUS_ENDPOINT),
    )


def storage_client(key_file=KEY):
    """The token goes along explicitly, since the channel has no TLS."""
    signed_in = credentials(key_file)
    signed_in.refresh(google.auth.transport.requests.Request())
    channel = grpc.secure_channel(
        GRPC,
        grpc.composite_channel_credentials(
            grpc.local_channel_credentials(),
            grpc.access_token_call_credentials(signed_in.token),
        ),
    )
    return BigQueryReadClient(transport=BigQueryReadGrpcTransport(channel=channel))


def anonymous_storage_client():
    channel = grpc.insecure_channel(ANONYMOUS_GRPC)
    return BigQueryReadClient(transport=BigQueryReadGrpcTransport(channel=channel))


def key_content(key_file=KEY):
    with open(key_file, encoding="utf-8") as file:
        return json.load(file)
