// Two running local BigQueries for programs in other languages, and how to reach them, as
// environment variables: one with an owner, a key of an administrator and a key of an account
// without any right on data; and one that takes callers without credentials for a user.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startBigQuery } from '@sluice/bigquery-local';
import { startLocalBigQuery } from '@sluice/testkit';

export const PROJECT = 'client-project';
const OWNER = 'ann@example.com';

/**
 * SLUICE_PROJECT, _ENDPOINT (`http://127.0.0.1:1234`), _GRPC (`127.0.0.1:1235`), _KEY and
 * _READER_KEY (paths of key files), _BUCKET; _ANONYMOUS_ENDPOINT and _ANONYMOUS_GRPC.
 */
export type WorldEnvironment = Readonly<Record<`SLUICE_${string}`, string>>;

export interface World extends AsyncDisposable {
  /** A temporary folder; removed at the end. */
  readonly folder: string;
  readonly environment: WorldEnvironment;
}

export async function startWorld(): Promise<World> {
  await using resources = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'sluice-clients-'));
  resources.defer(() => rm(folder, { recursive: true, force: true }));
  const server = resources.use(
    await startLocalBigQuery({ dataDir: join(folder, 'bigquery'), project: PROJECT, owner: OWNER }),
  );
  const keyOf = async (name: string, roles: readonly string[]): Promise<string> => {
    const file = join(folder, `${name}.json`);
    await writeFile(file, JSON.stringify(await server.serviceAccount(name, roles)), { mode: 0o600 });
    return file;
  };
  const key = await keyOf('administrator', ['roles/bigquery.admin', 'roles/storage.admin']);
  const readerKey = await keyOf('reader', ['roles/bigquery.jobUser', 'roles/bigquery.readSessionUser']);
  const bucket = 'client-bucket';
  await server.call('POST', `/storage/v1/b?project=${PROJECT}`, { name: bucket });
  const anonymous = await startBigQuery({
    dataDir: join(folder, 'anonymous'),
    port: 0,
    project: PROJECT,
    owner: OWNER,
    anonymousAs: OWNER,
  });
  resources.defer(() => anonymous.close());
  const owned = resources.move();
  return {
    folder,
    environment: {
      SLUICE_PROJECT: PROJECT,
      SLUICE_ENDPOINT: server.restUrl,
      SLUICE_GRPC: server.grpcAddress,
      SLUICE_KEY: key,
      SLUICE_READER_KEY: readerKey,
      SLUICE_BUCKET: bucket,
      SLUICE_ANONYMOUS_ENDPOINT: anonymous.restUrl,
      SLUICE_ANONYMOUS_GRPC: anonymous.grpcAddress,
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
