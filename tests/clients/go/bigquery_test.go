package clients

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/bigquery"
	"cloud.google.com/go/civil"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/iterator"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

type person struct {
	ID      int64
	Name    bigquery.NullString
	Born    bigquery.NullDate
	Balance *big.Rat `bigquery:",nullable"`
	Tags    []string
	Seen    time.Time
}

var people = []*person{
	{
		ID: 1, Name: bigquery.NullString{StringVal: "Ada", Valid: true},
		Born:    bigquery.NullDate{Date: civil.Date{Year: 1815, Month: 12, Day: 10}, Valid: true},
		Balance: big.NewRat(25, 2), Tags: []string{"x", "y"},
		Seen: time.Date(2020, 1, 2, 3, 4, 5, 678000, time.UTC),
	},
	{ID: 2, Seen: time.Unix(0, 0).UTC()},
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newDataset(ctx context.Context, t *testing.T, client *bigquery.Client) *bigquery.Dataset {
	t.Helper()
	dataset := client.Dataset(fmt.Sprintf("go_%d", time.Now().UnixNano()))
	must(t, dataset.Create(ctx, &bigquery.DatasetMetadata{Location: "US", Labels: map[string]string{"team": "crm"}}))
	t.Cleanup(func() { _ = dataset.DeleteWithContents(context.WithoutCancel(ctx)) })
	return dataset
}

func newPeople(ctx context.Context, t *testing.T, dataset *bigquery.Dataset) *bigquery.Table {
	t.Helper()
	schema, err := bigquery.InferSchema(person{})
	must(t, err)
	table := dataset.Table(fmt.Sprintf("people_%d", time.Now().UnixNano()))
	must(t, table.Create(ctx, &bigquery.TableMetadata{Schema: schema}))
	must(t, table.Inserter().Put(ctx, people))
	return table
}

func finish(ctx context.Context, t *testing.T, job *bigquery.Job, err error) *bigquery.JobStatus {
	t.Helper()
	must(t, err)
	status, err := job.Wait(ctx)
	must(t, err)
	must(t, status.Err())
	return status
}

func rowsOf[T any](t *testing.T, rows *bigquery.RowIterator) []T {
	t.Helper()
	var all []T
	for {
		var row T
		err := rows.Next(&row)
		if errors.Is(err, iterator.Done) {
			return all
		}
		must(t, err)
		all = append(all, row)
	}
}

func wantStatus(t *testing.T, err error, code int, reason string) {
	t.Helper()
	var answer *googleapi.Error
	if !errors.As(err, &answer) {
		t.Fatalf("no answer of the API: %v", err)
	}
	if answer.Code != code || len(answer.Errors) == 0 || answer.Errors[0].Reason != reason {
		t.Fatalf("want %d %s, got %v", code, reason, answer)
	}
}

func TestQueriesWithParametersComeBackTyped(t *testing.T) {
	ctx, client := withClient(t)
	query := client.Query(`SELECT @i AS i, @name AS s, @tags AS tags, @day AS d, @at AS ts, 1.5 AS f, NUMERIC '1.25' AS n,
		STRUCT(1 AS a, 'b' AS b) AS st, b'\x01' AS bytes, CAST(NULL AS STRING) AS missing`)
	at := time.Date(2020, 1, 2, 3, 4, 5, 6000, time.UTC)
	query.Parameters = []bigquery.QueryParameter{
		{Name: "i", Value: 7}, {Name: "name", Value: "Ada"}, {Name: "tags", Value: []string{"x"}},
		{Name: "day", Value: civil.Date{Year: 2020, Month: 1, Day: 2}}, {Name: "at", Value: at},
	}
	rows, err := query.Read(ctx)
	must(t, err)
	all := rowsOf[map[string]bigquery.Value](t, rows)
	if len(all) != 1 {
		t.Fatalf("%d rows", len(all))
	}
	row := all[0]
	if row["i"] != int64(7) || row["s"] != "Ada" || row["f"] != 1.5 || row["missing"] != nil {
		t.Errorf("got %v", row)
	}
	if row["d"] != (civil.Date{Year: 2020, Month: 1, Day: 2}) || !row["ts"].(time.Time).Equal(at) {
		t.Errorf("got %v", row)
	}
	if row["n"].(*big.Rat).Cmp(big.NewRat(5, 4)) != 0 || row["bytes"].([]byte)[0] != 1 {
		t.Errorf("got %v", row)
	}
}

func TestRowsGoInAndOutAsStructs(t *testing.T) {
	ctx, client := withClient(t)
	table := newPeople(ctx, t, newDataset(ctx, t, client))
	got := rowsOf[person](t, table.Read(ctx))
	if len(got) != 2 || got[0].Name.StringVal != "Ada" || got[0].Balance.Cmp(people[0].Balance) != 0 ||
		len(got[0].Tags) != 2 || !got[0].Seen.Equal(people[0].Seen) || got[1].Name.Valid {
		t.Errorf("got %v", got)
	}
	err := table.Inserter().Put(ctx, &bigquery.ValuesSaver{
		Schema: bigquery.Schema{{Name: "nope", Type: bigquery.IntegerFieldType}}, Row: []bigquery.Value{1},
	})
	var failed bigquery.PutMultiError
	if !errors.As(err, &failed) || len(failed) != 1 {
		t.Fatalf("want one row error, got %v", err)
	}
}

func TestTheStorageReadApiGivesTheSameRows(t *testing.T) {
	ctx, client := withClient(t)
	source, err := tokenSource(ctx, keyFile)
	must(t, err)
	must(t, enableStorageRead(ctx, client, source))
	query := client.Query("SELECT x, CAST(x AS STRING) AS s, TIMESTAMP_SECONDS(x) AS ts FROM UNNEST(GENERATE_ARRAY(1, 30000)) AS x")
	// Query.Read takes what fits into the first answer from there.
	job, err := query.Run(ctx)
	must(t, err)
	ofJob, err := job.Read(ctx)
	must(t, err)
	job, err = client.JobFromID(ctx, job.ID())
	must(t, err)
	configuration, err := job.Config()
	must(t, err)
	ofTable := configuration.(*bigquery.QueryConfig).Dst.Read(ctx)
	for _, rows := range []*bigquery.RowIterator{ofJob, ofTable} {
		if !rows.IsAccelerated() {
			t.Error("the rows were not read through the Storage Read API")
		}
		var sum int64
		all := rowsOf[map[string]bigquery.Value](t, rows)
		for _, row := range all {
			sum += row["x"].(int64)
			if row["s"] != fmt.Sprint(row["x"]) || row["ts"].(time.Time).Unix() != row["x"] {
				t.Fatalf("got %v", row)
			}
		}
		if len(all) != 30000 || sum != 30000*30001/2 {
			t.Errorf("got %d rows, sum %d", len(all), sum)
		}
	}
}

func TestJobsOfEveryKind(t *testing.T) {
	ctx, client := withClient(t)
	dataset := newDataset(ctx, t, client)

	file := bigquery.NewReaderSource(strings.NewReader("id,name\n1,Ada\n2,Grace\n"))
	file.SkipLeadingRows = 1
	file.AutoDetect = true
	loaded := dataset.Table("loaded")
	job, err := loaded.LoaderFrom(file).Run(ctx)
	status := finish(ctx, t, job, err)
	if load := status.Statistics.Details.(*bigquery.LoadStatistics); load.OutputRows != 2 {
		t.Errorf("got %+v", load)
	}

	uri := fmt.Sprintf("gs://%s/%s.csv", bucket, dataset.DatasetID)
	job, err = loaded.ExtractorTo(bigquery.NewGCSReference(uri)).Run(ctx)
	finish(ctx, t, job, err)
	reference := bigquery.NewGCSReference(uri)
	reference.SkipLeadingRows = 1
	reference.Schema = bigquery.Schema{
		{Name: "id", Type: bigquery.IntegerFieldType}, {Name: "name", Type: bigquery.StringFieldType},
	}
	again := dataset.Table("again")
	job, err = again.LoaderFrom(reference).Run(ctx)
	finish(ctx, t, job, err)

	copied := dataset.Table("copied")
	job, err = copied.CopierFrom(loaded, again).Run(ctx)
	finish(ctx, t, job, err)
	metadata, err := copied.Metadata(ctx)
	must(t, err)
	if metadata.NumRows != 4 {
		t.Errorf("copied %d rows", metadata.NumRows)
	}

	query := client.Query("SELECT name FROM loaded")
	query.DefaultDatasetID = dataset.DatasetID
	query.DryRun = true
	job, err = query.Run(ctx)
	must(t, err)
	if bytes := job.LastStatus().Statistics.TotalBytesProcessed; bytes != 12 {
		t.Errorf("a dry run says %d bytes", bytes)
	}
	query = client.Query("UPDATE loaded SET name = 'x' WHERE TRUE")
	query.DefaultDatasetID = dataset.DatasetID
	job, err = query.Run(ctx)
	status = finish(ctx, t, job, err)
	details := status.Statistics.Details.(*bigquery.QueryStatistics)
	if details.StatementType != "UPDATE" || details.NumDMLAffectedRows != 2 {
		t.Errorf("got %+v", details)
	}
	found, err := client.JobFromID(ctx, job.ID())
	must(t, err)
	if found.Email() == "" {
		t.Error("the job has no creator")
	}
	jobs := client.Jobs(ctx)
	if _, err := jobs.Next(); err != nil {
		t.Error(err)
	}
}

func TestDatasetsTablesAndRoutines(t *testing.T) {
	ctx, client := withClient(t)
	dataset := newDataset(ctx, t, client)
	metadata, err := dataset.Metadata(ctx)
	must(t, err)
	changed, err := dataset.Update(ctx, bigquery.DatasetMetadataToUpdate{
		Description: "new",
		Access: append(metadata.Access, &bigquery.AccessEntry{
			Role: bigquery.ReaderRole, EntityType: bigquery.UserEmailEntity, Entity: "kim@example.com",
		}),
	}, metadata.ETag)
	must(t, err)
	if changed.Description != "new" || len(changed.Access) != len(metadata.Access)+1 {
		t.Errorf("got %+v", changed)
	}
	_, err = dataset.Update(ctx, bigquery.DatasetMetadataToUpdate{Description: "stale"}, metadata.ETag)
	wantStatus(t, err, http.StatusPreconditionFailed, "conditionNotMet")

	table := newPeople(ctx, t, dataset)
	before, err := table.Metadata(ctx)
	must(t, err)
	after, err := table.Update(ctx, bigquery.TableMetadataToUpdate{
		Schema: append(before.Schema, &bigquery.FieldSchema{Name: "more", Type: bigquery.JSONFieldType}),
	}, before.ETag)
	must(t, err)
	if len(after.Schema) != len(before.Schema)+1 {
		t.Errorf("got %v", after.Schema)
	}
	view := dataset.Table("v")
	must(t, view.Create(ctx, &bigquery.TableMetadata{
		ViewQuery: fmt.Sprintf("SELECT ID FROM `%s.%s.%s`", project, dataset.DatasetID, table.TableID),
	}))
	names := 0
	for tables := dataset.Tables(ctx); ; names++ {
		if _, err := tables.Next(); err != nil {
			break
		}
	}
	if names != 2 {
		t.Errorf("%d tables are listed", names)
	}

	routine := dataset.Routine("twice")
	must(t, routine.Create(ctx, &bigquery.RoutineMetadata{
		Type: "SCALAR_FUNCTION", Language: "SQL", Body: "x * 2",
		Arguments: []*bigquery.RoutineArgument{{Name: "x", DataType: &bigquery.StandardSQLDataType{TypeKind: "INT64"}}},
	}))
	rows, err := client.Query(fmt.Sprintf("SELECT %s.twice(21)", dataset.DatasetID)).Read(ctx)
	must(t, err)
	if all := rowsOf[[]bigquery.Value](t, rows); all[0][0] != int64(42) {
		t.Errorf("got %v", all)
	}
	must(t, routine.Delete(ctx))
	models := dataset.Models(ctx)
	if _, err := models.Next(); !errors.Is(err, iterator.Done) {
		t.Errorf("models: %v", err)
	}
	policy, err := table.IAM().Policy(ctx)
	must(t, err)
	policy.Add("user:kim@example.com", "roles/bigquery.dataViewer")
	must(t, table.IAM().SetPolicy(ctx, policy))
}

func TestRefusals(t *testing.T) {
	ctx, client := withClient(t)
	table := newPeople(ctx, t, newDataset(ctx, t, client))
	name := fmt.Sprintf("`%s.%s.%s`", project, table.DatasetID, table.TableID)

	_, err := client.Query("SELECT * FROM missing.t").Read(ctx)
	wantStatus(t, err, http.StatusNotFound, "notFound")
	_, err = client.Query("SELEC 1").Read(ctx)
	wantStatus(t, err, http.StatusBadRequest, "invalidQuery")

	reader, err := newClient(ctx, readerKeyFile)
	must(t, err)
	_, err = reader.Query("SELECT * FROM " + name).Read(ctx)
	wantStatus(t, err, http.StatusForbidden, "accessDenied")
	_, err = reader.Dataset(table.DatasetID).Table(table.TableID).Metadata(ctx)
	wantStatus(t, err, http.StatusForbidden, "accessDenied")
}

func TestATokenSourceSignsIn(t *testing.T) {
	ctx := t.Context()
	source, err := tokenSource(ctx, keyFile)
	must(t, err)
	client, err := bigquery.NewClient(ctx, project,
		option.WithEndpoint(endpoint+"/bigquery/v2/"), option.WithTokenSource(source))
	must(t, err)
	rows, err := client.Query("SELECT SESSION_USER()").Read(ctx)
	must(t, err)
	if all := rowsOf[[]bigquery.Value](t, rows); !strings.HasPrefix(all[0][0].(string), "administrator@") {
		t.Errorf("got %v", all)
	}
}

func TestWithoutCredentialsTheCallerIsWhoTheServerSays(t *testing.T) {
	ctx := t.Context()
	client, err := bigquery.NewClient(ctx, project,
		option.WithEndpoint(anonymousEndpoint+"/bigquery/v2/"), option.WithoutAuthentication())
	must(t, err)
	must(t, client.EnableStorageReadClient(ctx, option.WithEndpoint(anonymousGrpc), option.WithoutAuthentication(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials()))))
	rows, err := client.Query("SELECT SESSION_USER() FROM UNNEST(GENERATE_ARRAY(1, 20000))").Read(ctx)
	must(t, err)
	if all := rowsOf[[]bigquery.Value](t, rows); len(all) != 20000 || all[0][0] != "ann@example.com" {
		t.Errorf("got %d rows", len(all))
	}
	refused, err := bigquery.NewClient(ctx, project,
		option.WithEndpoint(endpoint+"/bigquery/v2/"), option.WithoutAuthentication())
	must(t, err)
	_, err = refused.Query("SELECT 1").Read(ctx)
	wantStatus(t, err, http.StatusUnauthorized, "required")
}
