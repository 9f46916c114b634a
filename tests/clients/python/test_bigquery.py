"""google-cloud-bigquery against the local BigQuery."""

import datetime
import decimal
import io
import unittest
import uuid

import pandas
from google.api_core import exceptions
from google.auth.exceptions import InvalidOperation, RefreshError
from google.cloud import bigquery
from google.oauth2 import service_account

import world


def name(prefix):
    return f"{prefix}_{uuid.uuid4().hex[:8]}"


class WithDataset(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.client = world.client()
        cls.dataset = name("python")
        cls.client.create_dataset(cls.dataset)

    @classmethod
    def tearDownClass(cls):
        cls.client.delete_dataset(cls.dataset, delete_contents=True)
        cls.client.close()

    def id(self, table):
        return f"{world.PROJECT}.{self.dataset}.{table}"

    def table(self, schema, rows=None, client=None):
        table_id = self.id_of_new_table()
        self.client.create_table(bigquery.Table(table_id, schema=schema))
        if rows:
            self.client.load_table_from_json(
                rows, table_id, job_config=bigquery.LoadJobConfig(schema=schema)
            ).result(timeout=60)
        return table_id

    def id_of_new_table(self):
        return f"{world.PROJECT}.{self.dataset}.{name('t')}"


PEOPLE = [
    bigquery.SchemaField("id", "INTEGER", mode="REQUIRED"),
    bigquery.SchemaField("name", "STRING"),
    bigquery.SchemaField("born", "DATE"),
    bigquery.SchemaField("balance", "NUMERIC"),
    bigquery.SchemaField("tags", "STRING", mode="REPEATED"),
    bigquery.SchemaField(
        "address",
        "RECORD",
        fields=[
            bigquery.SchemaField("city", "STRING"),
            bigquery.SchemaField("zip", "STRING"),
        ],
    ),
]
ROWS = [
    {
        "id": 1,
        "name": "Ada",
        "born": "1815-12-10",
        "balance": "12.5",
        "tags": ["x", "y"],
        "address": {"city": "London", "zip": "W1"},
    },
    {"id": 2, "name": None, "born": None, "balance": None, "tags": [], "address": None},
]


class SignIn(unittest.TestCase):
    def test_a_key_of_the_local_server_signs_in(self):
        signed_in = world.credentials()
        client = bigquery.Client(
            project=world.PROJECT,
            credentials=signed_in,
            client_options={"api_endpoint": world.ENDPOINT},
        )
        email = list(client.query_and_wait("SELECT SESSION_USER() AS who"))[0].who
        self.assertEqual(email, world.key_content()["client_email"])

    def test_the_key_file_alone_is_enough(self):
        client = bigquery.Client.from_service_account_json(
            world.KEY, client_options={"api_endpoint": world.ENDPOINT}
        )
        self.assertEqual(client.project, world.PROJECT)
        self.assertEqual(list(client.query_and_wait("SELECT 1 AS one"))[0].one, 1)

    def test_without_credentials_the_caller_is_who_the_server_says(self):
        rows = list(world.anonymous_client().query_and_wait("SELECT SESSION_USER() AS who"))
        self.assertEqual(rows[0].who, "ann@example.com")

    def test_without_credentials_is_refused_where_nobody_is_named(self):
        client = bigquery.Client(
            project=world.PROJECT,
            credentials=world.AnonymousCredentials(),
            client_options={"api_endpoint": world.ENDPOINT},
        )
        # The client answers a 401 by a refresh, which these credentials do not have.
        with self.assertRaises(InvalidOperation):
            client.query_and_wait("SELECT 1")

    def test_a_key_with_another_private_key_is_refused(self):
        wrong = {**world.key_content(world.READER_KEY), "client_email": world.key_content()["client_email"]}
        signed_in = service_account.Credentials.from_service_account_info(wrong, scopes=world.SCOPES)
        client = bigquery.Client(
            project=world.PROJECT,
            credentials=signed_in,
            client_options={"api_endpoint": world.ENDPOINT},
        )
        with self.assertRaises(exceptions.Unauthorized):
            client.query_and_wait("SELECT 1", wait_timeout=30)

    def test_a_key_of_googles_universe_is_exchanged_at_its_token_uri(self):
        key = {k: v for k, v in world.key_content().items() if k != "universe_domain"}
        for name_in_key, refused in ((key["client_email"], False), ("nobody@example.com", True)):
            client = bigquery.Client(
                project=world.PROJECT,
                credentials=service_account.Credentials.from_service_account_info(
                    {**key, "client_email": name_in_key}, scopes=world.SCOPES
                ),
                client_options={"api_endpoint": world.ENDPOINT},
            )
            if refused:
                with self.assertRaisesRegex(RefreshError, "invalid_grant"):
                    client.query_and_wait("SELECT 1", wait_timeout=30)
            else:
                self.assertEqual(list(client.query_and_wait("SELECT 1 AS one"))[0].one, 1)

    def test_who_is_asked_for_by_projects_and_service_account(self):
        client = world.client()
        self.assertEqual([project.project_id for project in client.list_projects()], [world.PROJECT])
        self.assertIn("@", client.get_service_account_email())


class Queries(WithDataset):
    def test_every_type_comes_back_as_python_has_it(self):
        row = list(
            self.client.query_and_wait(
                """SELECT 9007199254740993 AS i, 1.5 AS f, CAST('NaN' AS FLOAT64) AS nan, TRUE AS b, 'ä' AS s,
                          b'\\x00\\xff' AS bytes, DATE '2020-02-29' AS d, TIME '12:34:56.789012' AS t,
                          DATETIME '2020-02-29 12:34:56.789012' AS dt,
                          TIMESTAMP '2020-02-29 12:34:56.789012+00' AS ts, NUMERIC '1.23' AS n,
                          BIGNUMERIC '0.00000000000000000000000000000000000001' AS bn,
                          [1, 2] AS a, STRUCT(1 AS x, ['p'] AS y) AS st, JSON '{"k": [1, null]}' AS j,
                          CAST(NULL AS STRING) AS missing, MAKE_INTERVAL(1, 2, 3, 4, 5, 6) AS iv,
                          RANGE(DATE '2020-01-01', DATE '2021-01-01') AS r"""
            )
        )[0]
        self.assertEqual(row.i, 9007199254740993)
        self.assertEqual((row.f, row.b, row.s, row.bytes), (1.5, True, "ä", b"\x00\xff"))
        self.assertNotEqual(row.nan, row.nan)
        self.assertEqual(row.d, datetime.date(2020, 2, 29))
        self.assertEqual(row.t, datetime.time(12, 34, 56, 789012))
        self.assertEqual(row.dt, datetime.datetime(2020, 2, 29, 12, 34, 56, 789012))
        self.assertEqual(
            row.ts, datetime.datetime(2020, 2, 29, 12, 34, 56, 789012, tzinfo=datetime.timezone.utc)
        )
        self.assertEqual((row.n, row.bn), (decimal.Decimal("1.23"), decimal.Decimal(10) ** -38))
        self.assertEqual((row.a, row.st, row.j), ([1, 2], {"x": 1, "y": ["p"]}, {"k": [1, None]}))
        self.assertIsNone(row.missing)
        self.assertEqual((row.iv.years, row.iv.months, row.iv.days, row.iv.hours), (1, 2, 3, 4))
        self.assertEqual(row.r["start"], datetime.date(2020, 1, 1))

    def test_parameters_of_every_kind(self):
        config = bigquery.QueryJobConfig(
            query_parameters=[
                bigquery.ScalarQueryParameter("i", "INT64", 7),
                bigquery.ScalarQueryParameter("d", "DATE", datetime.date(2020, 1, 2)),
                bigquery.ScalarQueryParameter("n", "NUMERIC", decimal.Decimal("1.5")),
                bigquery.ScalarQueryParameter(
                    "ts", "TIMESTAMP", datetime.datetime(2020, 1, 2, 3, tzinfo=datetime.timezone.utc)
                ),
                bigquery.ScalarQueryParameter("bytes", "BYTES", b"\x01\x02"),
                bigquery.ScalarQueryParameter("nothing", "STRING", None),
                bigquery.ArrayQueryParameter("a", "STRING", ["x", "y"]),
                bigquery.StructQueryParameter(
                    "s",
                    bigquery.ScalarQueryParameter("k", "INT64", 1),
                    bigquery.ScalarQueryParameter("v", "STRING", "one"),
                ),
            ]
        )
        row = list(
            self.client.query_and_wait(
                "SELECT @i AS i, @d AS d, @n AS n, @ts AS ts, @bytes AS bytes, @nothing AS nothing, "
                "ARRAY_LENGTH(@a) AS a, @s.v AS v",
                job_config=config,
            )
        )[0]
        self.assertEqual((row.i, row.d, row.n), (7, datetime.date(2020, 1, 2), decimal.Decimal("1.5")))
        self.assertEqual(row.ts.hour, 3)
        self.assertEqual((row.bytes, row.nothing, row.a, row.v), (b"\x01\x02", None, 2, "one"))
        positional = bigquery.QueryJobConfig(
            query_parameters=[
                bigquery.ScalarQueryParameter(None, "INT64", 1),
                bigquery.ArrayQueryParameter(None, "INT64", [1, 2, 3]),
            ]
        )
        rows = self.client.query_and_wait("SELECT ? IN UNNEST(?) AS found", job_config=positional)
        self.assertTrue(list(rows)[0].found)

    def test_a_job_tells_what_it_did(self):
        table = self.table(PEOPLE, ROWS)
        job = self.client.query(
            f"SELECT name FROM `{table}`",
            job_config=bigquery.QueryJobConfig(labels={"team": "crm"}, use_query_cache=False),
            job_id_prefix="told_",
        )
        rows = job.result(timeout=60)
        self.assertEqual(rows.total_rows, 2)
        self.assertTrue(job.job_id.startswith("told_"))
        self.assertEqual(job.state, "DONE")
        self.assertEqual(job.statement_type, "SELECT")
        self.assertEqual(job.user_email, world.key_content()["client_email"])
        self.assertFalse(job.cache_hit)
        self.assertEqual(job.labels, {"team": "crm"})
        self.assertEqual([str(t) for t in job.referenced_tables], [table])
        self.assertEqual(job.total_bytes_processed, 5)
        self.assertGreaterEqual(job.ended, job.started)
        self.assertGreaterEqual(job.started, job.created)
        again = self.client.get_job(job.job_id, location=job.location)
        self.assertEqual(again.query, f"SELECT name FROM `{table}`")
        self.assertIn(job.job_id, [j.job_id for j in self.client.list_jobs(max_results=100)])
        self.assertEqual(job.destination.project, world.PROJECT)
        self.assertEqual(len(list(self.client.list_rows(job.destination))), 2)

    def test_a_dry_run_costs_nothing_and_says_the_bytes_and_the_schema(self):
        table = self.table(PEOPLE, ROWS)
        job = self.client.query(
            f"SELECT id, name FROM `{table}`",
            job_config=bigquery.QueryJobConfig(dry_run=True, use_query_cache=False),
        )
        self.assertEqual(job.total_bytes_processed, 21)
        self.assertEqual([field.name for field in job.schema], ["id", "name"])
        self.assertEqual(job.state, "DONE")

    def test_pages_are_read_one_after_the_other(self):
        job = self.client.query("SELECT x FROM UNNEST(GENERATE_ARRAY(1, 2500)) AS x ORDER BY x")
        rows = job.result(page_size=1000)
        self.assertEqual([page.num_items for page in rows.pages], [1000, 1000, 500])
        again = self.client.get_job(job.job_id)
        self.assertEqual(sum(row.x for row in again.result(start_index=2490, max_results=5)), 2493 * 5)

    def test_results_go_into_a_destination(self):
        table = self.id_of_new_table()
        config = bigquery.QueryJobConfig(
            destination=table,
            write_disposition="WRITE_TRUNCATE",
            clustering_fields=["k"],
            time_partitioning=bigquery.TimePartitioning(field="day"),
        )
        sql = "SELECT 1 AS k, DATE '2020-01-01' AS day"
        self.client.query(sql, job_config=config).result(timeout=60)
        self.client.query(sql, job_config=config).result(timeout=60)
        stored = self.client.get_table(table)
        self.assertEqual((stored.num_rows, stored.clustering_fields), (1, ["k"]))
        self.assertEqual(stored.time_partitioning.field, "day")
        config.write_disposition = "WRITE_EMPTY"
        with self.assertRaises(exceptions.Conflict):
            self.client.query(sql, job_config=config).result(timeout=60)

    def test_default_dataset_and_job_timeouts(self):
        table = self.table(PEOPLE, ROWS)
        config = bigquery.QueryJobConfig(default_dataset=f"{world.PROJECT}.{self.dataset}")
        rows = self.client.query_and_wait(
            f"SELECT COUNT(*) AS n FROM {table.split('.')[-1]}", job_config=config
        )
        self.assertEqual(list(rows)[0].n, 2)

    def test_a_script_has_child_jobs_and_the_result_of_its_last_query(self):
        table = self.id_of_new_table()
        job = self.client.query(
            f"""DECLARE total INT64 DEFAULT 0;
                CREATE TABLE `{table}` (x INT64);
                FOR r IN (SELECT x FROM UNNEST([1, 2, 3]) AS x) DO
                  INSERT INTO `{table}` VALUES (r.x);
                END FOR;
                SET total = (SELECT SUM(x) FROM `{table}`);
                SELECT total AS total;"""
        )
        self.assertEqual([row.total for row in job.result(timeout=60)], [6])
        self.assertEqual(job.statement_type, "SCRIPT")
        self.assertGreater(job.num_child_jobs, 0)
        children = list(self.client.list_jobs(parent_job=job.job_id))
        self.assertEqual(len(children), job.num_child_jobs)

    def test_statements_that_change_data_count_their_rows(self):
        table = self.table(PEOPLE, ROWS)
        job = self.client.query(f"UPDATE `{table}` SET name = 'x' WHERE TRUE")
        job.result(timeout=60)
        self.assertEqual((job.num_dml_affected_rows, job.dml_stats.updated_row_count), (2, 2))
        job = self.client.query(f"CREATE OR REPLACE VIEW `{self.id(name('v'))}` AS SELECT 1 AS x")
        job.result(timeout=60)
        self.assertEqual((job.statement_type, job.ddl_operation_performed), ("CREATE_VIEW", "CREATE"))

    def test_a_running_job_is_cancelled(self):
        job = self.client.query(
            "SELECT COUNT(*) FROM UNNEST(GENERATE_ARRAY(1, 1000000)) AS a "
            "CROSS JOIN UNNEST(GENERATE_ARRAY(1, 1000000)) AS b WHERE MOD(a + b, 7) = 3"
        )
        self.assertTrue(job.cancel())
        with self.assertRaises(exceptions.GoogleAPICallError) as caught:
            job.result(timeout=60)
        self.assertEqual(job.error_result["reason"], "stopped")
        self.assertIn("cancelled", str(caught.exception))

    def test_sessions_keep_their_temporary_tables(self):
        job = self.client.query(
            "CREATE TEMP TABLE kept AS SELECT 42 AS answer",
            job_config=bigquery.QueryJobConfig(create_session=True),
        )
        job.result(timeout=60)
        session = job.session_info.session_id
        config = bigquery.QueryJobConfig(
            connection_properties=[bigquery.ConnectionProperty("session_id", session)]
        )
        rows = self.client.query("SELECT answer FROM kept", job_config=config).result(timeout=60)
        self.assertEqual([row.answer for row in rows], [42])


class Loads(WithDataset):
    def read(self, table):
        return [dict(row) for row in self.client.query_and_wait(f"SELECT * FROM `{table}` ORDER BY 1")]

    def test_json_rows(self):
        table = self.table(PEOPLE, ROWS)
        rows = self.read(table)
        self.assertEqual(rows[0]["born"], datetime.date(1815, 12, 10))
        self.assertEqual(rows[0]["address"], {"city": "London", "zip": "W1"})
        self.assertEqual(rows[1]["tags"], [])
        detected = self.id_of_new_table()
        job = self.client.load_table_from_json([{"a": 1, "b": "x"}, {"a": 2, "c": True}], detected)
        job.result(timeout=60)
        self.assertEqual(job.output_rows, 2)
        self.assertEqual(
            {field.name: field.field_type for field in self.client.get_table(detected).schema},
            {"a": "INTEGER", "b": "STRING", "c": "BOOLEAN"},
        )

    def test_a_csv_file_resumable_and_in_one_part(self):
        config = bigquery.LoadJobConfig(
            source_format="CSV", skip_leading_rows=1, autodetect=True, write_disposition="WRITE_TRUNCATE"
        )
        for size in (None, len(b"id,name\n1,Ada\n2,Grace\n")):
            table = self.id_of_new_table()
            file = io.BytesIO(b"id,name\n1,Ada\n2,Grace\n")
            job = self.client.load_table_from_file(file, table, size=size, job_config=config)
            job.result(timeout=60)
            self.assertEqual(self.read(table), [{"id": 1, "name": "Ada"}, {"id": 2, "name": "Grace"}])
            self.assertEqual((job.input_files, job.output_rows), (1, 2))

    def test_a_data_frame_as_parquet(self):
        frame = pandas.DataFrame(
            {
                "id": [1, 2],
                "name": ["Ada", None],
                "at": pandas.to_datetime(["2020-01-01T00:00:00.0Z", "2021-01-01T00:00:00.5Z"]),
                "day": [datetime.date(2020, 1, 1), None],
                "score": [1.5, float("nan")],
            }
        )
        table = self.id_of_new_table()
        self.client.load_table_from_dataframe(frame, table).result(timeout=60)
        types = {field.name: field.field_type for field in self.client.get_table(table).schema}
        self.assertEqual(
            types, {"id": "INTEGER", "name": "STRING", "at": "TIMESTAMP", "day": "DATE", "score": "FLOAT"}
        )
        back = self.client.query(f"SELECT * FROM `{table}` ORDER BY id").to_dataframe(
            create_bqstorage_client=False
        )
        self.assertEqual(list(back["id"]), [1, 2])
        self.assertEqual(back["at"][1].microsecond, 500000)

    def test_a_data_frame_with_arrays(self):
        frame = pandas.DataFrame({"id": [1, 2], "tags": [["a", "b"], []]})
        table = self.id_of_new_table()
        self.client.load_table_from_dataframe(
            frame,
            table,
            job_config=bigquery.LoadJobConfig(
                schema=[
                    bigquery.SchemaField("id", "INTEGER"),
                    bigquery.SchemaField("tags", "STRING", mode="REPEATED"),
                ]
            ),
        ).result(timeout=60)
        self.assertEqual([row["tags"] for row in self.read(table)], [["a", "b"], []])

    def test_from_cloud_storage_and_back(self):
        table = self.table(PEOPLE, ROWS)
        uri = f"gs://{world.BUCKET}/{name('people')}.json"
        job = self.client.extract_table(
            table, uri, job_config=bigquery.ExtractJobConfig(destination_format="NEWLINE_DELIMITED_JSON")
        )
        job.result(timeout=60)
        self.assertEqual(job.destination_uri_file_counts, [1])
        copy = self.id_of_new_table()
        load = self.client.load_table_from_uri(
            uri,
            copy,
            job_config=bigquery.LoadJobConfig(source_format="NEWLINE_DELIMITED_JSON", schema=PEOPLE),
        )
        load.result(timeout=60)
        self.assertEqual(self.read(copy), self.read(table))

    def test_bad_rows_are_named(self):
        table = self.table(PEOPLE)
        job = self.client.load_table_from_json(
            [{"id": "no number"}], table, job_config=bigquery.LoadJobConfig(schema=PEOPLE)
        )
        with self.assertRaises(exceptions.BadRequest):
            job.result(timeout=60)
        self.assertEqual(job.error_result["reason"], "invalid")
        self.assertTrue(job.errors)

    def test_streaming_inserts(self):
        table = self.table(PEOPLE)
        self.assertEqual(self.client.insert_rows_json(table, ROWS), [])
        self.assertEqual(self.client.insert_rows(self.client.get_table(table), [{"id": 3, "name": "C"}]), [])
        self.assertEqual([row["id"] for row in self.read(table)], [1, 2, 3])
        errors = self.client.insert_rows_json(table, [{"id": 4}, {"id": 5, "nope": 1}])
        self.assertEqual([error["index"] for error in errors], [0, 1])
        reasons = {error["index"]: error["errors"][0]["reason"] for error in errors}
        self.assertEqual(reasons, {0: "stopped", 1: "invalid"})
        self.assertEqual(
            [e["index"] for e in self.client.insert_rows_json(table, [{"id": 4}, {"id": None}], skip_invalid_rows=True)],
            [1],
        )
        frame = pandas.DataFrame({"id": [9], "name": ["frame"]})
        self.assertEqual(self.client.insert_rows_from_dataframe(self.client.get_table(table), frame), [[]])


class Resources(WithDataset):
    def test_datasets(self):
        dataset = bigquery.Dataset(f"{world.PROJECT}.{name('made')}")
        dataset.location = "EU"
        dataset.default_table_expiration_ms = 3_600_000
        dataset.labels = {"team": "crm"}
        made = self.client.create_dataset(dataset)
        self.assertEqual((made.location, made.default_table_expiration_ms), ("EU", 3_600_000))
        with self.assertRaises(exceptions.Conflict):
            self.client.create_dataset(dataset)
        self.client.create_dataset(dataset, exists_ok=True)
        made.access_entries = [
            *made.access_entries,
            bigquery.AccessEntry("READER", "userByEmail", "kim@example.com"),
        ]
        made.description = "new"
        changed = self.client.update_dataset(made, ["access_entries", "description"])
        self.assertIn("kim@example.com", [entry.entity_id for entry in changed.access_entries])
        made.description = "from a stale copy"
        with self.assertRaises(exceptions.PreconditionFailed):
            self.client.update_dataset(made, ["description"])
        for every in (False, True):
            listed = [item.dataset_id for item in self.client.list_datasets(include_all=every)]
            self.assertIn(made.dataset_id, listed)
        self.assertEqual(
            [item.dataset_id for item in self.client.list_datasets(filter="labels.team:crm")], [made.dataset_id]
        )
        self.client.delete_dataset(made)
        self.client.delete_dataset(made, not_found_ok=True)
        with self.assertRaises(exceptions.NotFound):
            self.client.get_dataset(made)

    def test_tables(self):
        table = bigquery.Table(self.id_of_new_table(), schema=PEOPLE)
        table.time_partitioning = bigquery.TimePartitioning(field="born", require_partition_filter=True)
        table.clustering_fields = ["name"]
        made = self.client.create_table(table)
        self.assertEqual(made.schema, PEOPLE)
        self.assertTrue(made.time_partitioning.require_partition_filter)
        made.schema = [*made.schema, bigquery.SchemaField("more", "JSON")]
        made.description = "with more"
        changed = self.client.update_table(made, ["schema", "description"])
        self.assertEqual([field.name for field in changed.schema][-1], "more")
        self.assertIn(table.table_id, [item.table_id for item in self.client.list_tables(self.dataset)])
        with self.assertRaises(exceptions.BadRequest):
            self.client.query_and_wait(f"SELECT * FROM `{table.reference}`")
        self.client.delete_table(made)
        with self.assertRaises(exceptions.NotFound):
            self.client.get_table(made)

    def test_views_and_materialized_views(self):
        table = self.table(PEOPLE, ROWS)
        view = bigquery.Table(self.id(name("v")))
        view.view_query = f"SELECT id FROM `{table}`"
        self.assertEqual(self.client.create_table(view).table_type, "VIEW")
        self.assertEqual(len(list(self.client.query_and_wait(f"SELECT * FROM `{view.reference}`"))), 2)
        self.assertEqual(self.client.get_table(view.reference).view_query, view.view_query)

    def test_rows_are_listed_without_a_job(self):
        table = self.table(PEOPLE, ROWS)
        rows = list(self.client.list_rows(table))
        self.assertEqual([row.id for row in rows], [1, 2])
        self.assertEqual(rows[0].tags, ["x", "y"])
        some = self.client.list_rows(table, selected_fields=PEOPLE[:2], start_index=1, max_results=1)
        self.assertEqual([tuple(row) for row in some], [(2, None)])

    def test_routines(self):
        routine = bigquery.Routine(
            f"{world.PROJECT}.{self.dataset}.{name('twice')}",
            type_="SCALAR_FUNCTION",
            language="SQL",
            body="x * 2",
            arguments=[
                bigquery.RoutineArgument(
                    name="x", data_type=bigquery.StandardSqlDataType(type_kind=bigquery.StandardSqlTypeNames.INT64)
                )
            ],
        )
        self.client.create_routine(routine)
        rows = self.client.query_and_wait(f"SELECT `{routine.reference}`(21) AS answer")
        self.assertEqual(list(rows)[0].answer, 42)
        self.assertEqual(self.client.get_routine(routine.reference).body, "x * 2")
        routine.body = "x * 3"
        self.client.update_routine(routine, ["body", "arguments", "language", "type_"])
        rows = self.client.query_and_wait(f"SELECT `{routine.reference}`(21) AS answer")
        self.assertEqual(list(rows)[0].answer, 63)
        self.assertIn(
            routine.routine_id, [item.routine_id for item in self.client.list_routines(self.dataset)]
        )
        self.client.delete_routine(routine)
        with self.assertRaises(exceptions.NotFound):
            self.client.get_routine(routine.reference)

    def test_models_there_are_none(self):
        self.assertEqual(list(self.client.list_models(self.dataset)), [])
        with self.assertRaises(exceptions.GoogleAPICallError):
            self.client.get_model(f"{world.PROJECT}.{self.dataset}.none")

    def test_copies(self):
        table = self.table(PEOPLE, ROWS)
        target = self.id_of_new_table()
        self.client.copy_table([table, table], target).result(timeout=60)
        self.assertEqual(self.client.get_table(target).num_rows, 4)
        with self.assertRaises(exceptions.Conflict):
            self.client.copy_table(
                table, target, job_config=bigquery.CopyJobConfig(write_disposition="WRITE_EMPTY")
            ).result(timeout=60)

    def test_policies_of_tables(self):
        table = self.table(PEOPLE)
        policy = self.client.get_iam_policy(table)
        policy.bindings.append({"role": "roles/bigquery.dataViewer", "members": {"user:kim@example.com"}})
        changed = self.client.set_iam_policy(table, policy)
        self.assertEqual(changed.bindings[0]["role"], "roles/bigquery.dataViewer")
        tested = self.client.test_iam_permissions(table, ["bigquery.tables.getData", "bigquery.tables.delete"])
        self.assertEqual(len(tested["permissions"]), 2)


class Refusals(WithDataset):
    def test_who_may_not_read_is_told_forbidden_with_the_reason(self):
        table = self.table(PEOPLE, ROWS)
        reader = world.client(world.READER_KEY)
        with self.assertRaises(exceptions.Forbidden) as caught:
            reader.query_and_wait(f"SELECT * FROM `{table}`")
        self.assertEqual(caught.exception.errors[0]["reason"], "accessDenied")
        self.assertIn("User does not have permission to query table", caught.exception.message)
        for refused in (
            lambda: reader.get_table(table),
            lambda: list(reader.list_rows(table)),
            lambda: list(reader.list_tables(self.dataset)),
            lambda: reader.create_dataset("not_mine"),
            lambda: reader.get_table(self.id("missing")),
        ):
            with self.assertRaises(exceptions.Forbidden):
                refused()

    def test_what_is_missing_is_not_found(self):
        with self.assertRaises(exceptions.NotFound) as caught:
            self.client.query_and_wait(f"SELECT * FROM `{self.id('missing')}`")
        self.assertEqual(caught.exception.errors[0]["reason"], "notFound")
        for missing in (
            lambda: self.client.get_table(self.id("missing")),
            lambda: self.client.get_dataset("missing"),
            lambda: self.client.get_job("missing"),
            lambda: list(self.client.list_tables("missing")),
        ):
            with self.assertRaises(exceptions.NotFound):
                missing()

    def test_what_is_wrong_is_a_bad_request_with_the_place(self):
        with self.assertRaises(exceptions.BadRequest) as caught:
            self.client.query_and_wait("SELEC 1")
        self.assertEqual(caught.exception.errors[0]["reason"], "invalidQuery")
        self.assertIn("at [1:1]", caught.exception.message)
        with self.assertRaisesRegex(exceptions.BadRequest, "division by zero"):
            self.client.query_and_wait("SELECT 1 / 0")
        with self.assertRaises(exceptions.BadRequest):
            self.client.create_dataset("with-a-dash")

    def test_a_query_above_its_limit_of_bytes_is_refused(self):
        table = self.table(PEOPLE, ROWS)
        config = bigquery.QueryJobConfig(maximum_bytes_billed=1, use_query_cache=False)
        with self.assertRaises(exceptions.GoogleAPICallError) as caught:
            self.client.query_and_wait(f"SELECT * FROM `{table}`", job_config=config)
        self.assertEqual(caught.exception.errors[0]["reason"], "bytesBilledLimitExceeded")


if __name__ == "__main__":
    unittest.main(verbosity=2)
