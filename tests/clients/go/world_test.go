// How the tests reach the local BigQuery: the code that docs/guides/clients.md shows.
package clients

import (
	"context"
	"encoding/json"
	"os"
	"testing"

	"cloud.google.com/go/bigquery"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

var (
	project           = os.Getenv("SLUICE_PROJECT")
	endpoint          = os.Getenv("SLUICE_ENDPOINT")
	grpcAddress       = os.Getenv("SLUICE_GRPC")
	keyFile           = os.Getenv("SLUICE_KEY")
	readerKeyFile     = os.Getenv("SLUICE_READER_KEY")
	bucket            = os.Getenv("SLUICE_BUCKET")
	anonymousEndpoint = os.Getenv("SLUICE_ANONYMOUS_ENDPOINT")
	anonymousGrpc     = os.Getenv("SLUICE_ANONYMOUS_GRPC")
)

// newClient signs in with a key file of the local server.
func newClient(ctx context.Context, file string) (*bigquery.Client, error) {
	key, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var fields struct {
		UniverseDomain string `json:"universe_domain"`
	}
	if err := json.Unmarshal(key, &fields); err != nil {
		return nil, err
	}
	return bigquery.NewClient(ctx, project,
		option.WithEndpoint(endpoint+"/bigquery/v2/"),
		option.WithCredentialsJSON(key),
		option.WithUniverseDomain(fields.UniverseDomain))
}

// tokenSource exchanges the key at its token_uri.
func tokenSource(ctx context.Context, file string) (oauth2.TokenSource, error) {
	key, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	config, err := google.JWTConfigFromJSON(key, bigquery.Scope)
	if err != nil {
		return nil, err
	}
	return config.TokenSource(ctx), nil
}

// plaintextToken sends a token over a connection without TLS, which gRPC's own credentials refuse.
type plaintextToken struct{ source oauth2.TokenSource }

func (t plaintextToken) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	token, err := t.source.Token()
	if err != nil {
		return nil, err
	}
	return map[string]string{"authorization": "Bearer " + token.AccessToken}, nil
}

func (plaintextToken) RequireTransportSecurity() bool { return false }

// enableStorageRead lets the client read results through the Storage Read API.
func enableStorageRead(ctx context.Context, client *bigquery.Client, source oauth2.TokenSource) error {
	return client.EnableStorageReadClient(ctx,
		option.WithEndpoint(grpcAddress),
		option.WithoutAuthentication(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())),
		option.WithGRPCDialOption(grpc.WithPerRPCCredentials(plaintextToken{source})))
}

func withClient(t *testing.T) (context.Context, *bigquery.Client) {
	t.Helper()
	ctx := t.Context()
	client, err := newClient(ctx, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return ctx, client
}
