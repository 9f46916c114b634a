// Reads a table through the Storage Read API with Google's client, all streams at once, and
// takes the record batches as they come. ADDRESS PARENT-PROJECT TABLE; the token is in
// SLUICE_BENCH_TOKEN.
import { BigQueryReadClient } from '@google-cloud/bigquery-storage';
import { credentials } from '@grpc/grpc-js';
import { OAuth2Client } from 'google-auth-library';

const [address = '', project = '', table = ''] = process.argv.slice(2);
const [host = '', port = ''] = address.split(':');
const client = new BigQueryReadClient({
  servicePath: host,
  port: Number(port),
  sslCreds: credentials.createInsecure(),
  projectId: project,
  authClient: new OAuth2Client() as never,
});
const options = {
  otherArgs: { headers: { authorization: `Bearer ${process.env['SLUICE_BENCH_TOKEN'] ?? ''}` } },
  timeout: 600_000,
};
const startCpu = process.cpuUsage();
const start = performance.now();
const [session] = await client.createReadSession(
  { parent: `projects/${project}`, readSession: { table, dataFormat: 'ARROW' }, maxStreamCount: 2 },
  options,
);
type Response = { rowCount?: unknown; arrowRecordBatch?: { serializedRecordBatch?: Uint8Array | null } | null };
let rows = 0;
let bytes = 0;
await Promise.all(
  (session.streams ?? []).map(async ({ name }) => {
    for await (const response of client.readRows({ readStream: name ?? '' }, options) as AsyncIterable<Response>) {
      rows += Number(response.rowCount);
      bytes += response.arrowRecordBatch?.serializedRecordBatch?.byteLength ?? 0;
    }
  }),
);
const { user, system } = process.cpuUsage(startCpu);
const wallSeconds = (performance.now() - start) / 1000;
console.log(JSON.stringify({ rows, bytes, cpuSeconds: (user + system) / 1e6, wallSeconds }));
await client.close();
