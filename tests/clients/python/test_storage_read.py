"""to_arrow and to_dataframe through the Storage Read API, over a channel without TLS."""

import unittest
import uuid

from google.api_core import exceptions
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import types

import world

SQL = """SELECT x, CAST(x AS STRING) AS s, x / 8 AS f, DATE_ADD(DATE '2020-01-01', INTERVAL MOD(x, 365) DAY) AS d,
                TIMESTAMP_MICROS(x) AS ts, NUMERIC '1.25' * x AS n, [x, x + 1] AS a, STRUCT(x AS i, 'p' AS t) AS st,
                IF(MOD(x, 3) = 0, NULL, x) AS sometimes
         FROM UNNEST(GENERATE_ARRAY(1, 50000)) AS x"""


class CountedReads:
    """A read client that counts the read sessions that are asked for."""

    def __init__(self, client):
        self.client = client
        self.sessions = 0

    def create_read_session(self, *arguments, **more):
        self.sessions += 1
        return self.client.create_read_session(*arguments, **more)

    def __getattr__(self, name):
        return getattr(self.client, name)


class StorageRead(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.client = world.client()
        cls.dataset = f"arrow_{uuid.uuid4().hex[:8]}"
        cls.client.create_dataset(cls.dataset)
        cls.table = f"{world.PROJECT}.{cls.dataset}.t"
        cls.client.query(f"CREATE TABLE `{cls.table}` AS {SQL}").result(timeout=120)

    @classmethod
    def tearDownClass(cls):
        cls.client.delete_dataset(cls.dataset, delete_contents=True)
        cls.client.close()

    def test_a_query_and_a_table_give_the_rows_that_rest_gives(self):
        counted = CountedReads(world.storage_client())
        by_rest = (
            self.client.query(f"SELECT * FROM `{self.table}`")
            .to_arrow(create_bqstorage_client=False)
            .sort_by("x")
        )
        by_query = self.client.query(f"SELECT * FROM `{self.table}`").to_arrow(bqstorage_client=counted).sort_by("x")
        self.assertEqual(counted.sessions, 1)
        by_table = self.client.list_rows(self.table).to_arrow(bqstorage_client=counted).sort_by("x")
        self.assertEqual(counted.sessions, 2)
        self.assertEqual(by_rest.num_rows, 50000)
        self.assertEqual(by_query.schema.types, by_rest.schema.types)
        self.assertEqual(by_query.to_pydict(), by_rest.to_pydict())
        self.assertEqual(by_table.to_pydict(), by_rest.to_pydict())

    def test_a_data_frame(self):
        counted = CountedReads(world.storage_client())
        frame = self.client.query(f"SELECT x, s FROM `{self.table}`").to_dataframe(bqstorage_client=counted)
        self.assertEqual(counted.sessions, 1)
        self.assertEqual((len(frame), int(frame["x"].sum())), (50000, 50000 * 50001 // 2))

    def test_an_iterable_of_record_batches(self):
        counted = CountedReads(world.storage_client())
        rows = self.client.list_rows(self.table, selected_fields=[bigquery.SchemaField("x", "INTEGER")])
        batches = list(rows.to_arrow_iterable(bqstorage_client=counted))
        self.assertEqual(sum(batch.num_rows for batch in batches), 50000)
        self.assertEqual(counted.sessions, 1)

    def test_the_read_client_by_itself_with_a_restriction(self):
        reads = world.storage_client()
        project, dataset, table = self.table.split(".")
        for data_format in (types.DataFormat.ARROW, types.DataFormat.AVRO):
            session = reads.create_read_session(
                parent=f"projects/{project}",
                read_session=types.ReadSession(
                    table=f"projects/{project}/datasets/{dataset}/tables/{table}",
                    data_format=data_format,
                    read_options=types.ReadSession.TableReadOptions(
                        selected_fields=["x"], row_restriction="x <= 10"
                    ),
                ),
                max_stream_count=1,
            )
            if data_format == types.DataFormat.ARROW:
                rows = reads.read_rows(session.streams[0].name).rows(session)
                self.assertEqual(sorted(row["x"].as_py() for row in rows), list(range(1, 11)))
            else:
                self.assertIn('"x"', session.avro_schema.schema)

    def test_who_may_not_read_is_refused(self):
        refused = world.storage_client(world.READER_KEY)
        project, dataset, table = self.table.split(".")
        with self.assertRaises(exceptions.PermissionDenied):
            refused.create_read_session(
                parent=f"projects/{project}",
                read_session=types.ReadSession(
                    table=f"projects/{project}/datasets/{dataset}/tables/{table}",
                    data_format=types.DataFormat.ARROW,
                ),
            )

    def test_without_credentials(self):
        client = world.anonymous_client()
        counted = CountedReads(world.anonymous_storage_client())
        job = client.query(SQL)
        self.assertEqual(job.to_arrow(bqstorage_client=counted).num_rows, 50000)
        self.assertEqual(counted.sessions, 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
