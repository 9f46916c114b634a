"""google-api-python-client, which knows a service only by its discovery document."""

import unittest
import uuid

import httplib2
from google_auth_httplib2 import AuthorizedHttp
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

import world


class Discovery(unittest.TestCase):
    def test_the_document_is_enough_to_work_with(self):
        signed_in = world.credentials()
        bigquery = build(
            "bigquery",
            "v2",
            http=AuthorizedHttp(signed_in, http=httplib2.Http(timeout=60)),
            client_options={"universe_domain": signed_in.universe_domain},
            discoveryServiceUrl=world.ENDPOINT + "/discovery/v1/apis/{api}/{apiVersion}/rest",
            static_discovery=False,
        )
        dataset = f"discovered_{uuid.uuid4().hex[:8]}"
        ids = {"projectId": world.PROJECT, "datasetId": dataset}
        bigquery.datasets().insert(projectId=world.PROJECT, body={"datasetReference": ids}).execute()
        try:
            table = {**ids, "tableId": "t"}
            schema = {"fields": [{"name": "x", "type": "INTEGER"}]}
            bigquery.tables().insert(**ids, body={"tableReference": table, "schema": schema}).execute()
            rows = {"rows": [{"json": {"x": x}} for x in range(5)]}
            self.assertNotIn("insertErrors", bigquery.tabledata().insertAll(**table, body=rows).execute())
            listed = bigquery.tabledata().list(**table, maxResults=2).execute()
            self.assertEqual((len(listed["rows"]), listed["totalRows"]), (2, "5"))
            answer = (
                bigquery.jobs()
                .query(projectId=world.PROJECT, body={"query": f"SELECT SUM(x) FROM {dataset}.t", "useLegacySql": False})
                .execute()
            )
            self.assertEqual(answer["rows"], [{"f": [{"v": "10"}]}])
            resource = f"projects/{world.PROJECT}/datasets/{dataset}/tables/t"
            self.assertIn("etag", bigquery.tables().getIamPolicy(resource=resource, body={}).execute())
            with self.assertRaises(HttpError) as caught:
                bigquery.tables().get(**ids, tableId="missing").execute()
            self.assertEqual(caught.exception.status_code, 404)
        finally:
            bigquery.datasets().delete(**ids, deleteContents=True).execute()


if __name__ == "__main__":
    unittest.main(verbosity=2)
