// The scene for the engine's integration tests: a local BigQuery in its own process, a
// project with one dataset of data, a least-privileged service account, a webhook receiver.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createRegistry } from '@sluice/destinations';
import { syncMapping } from '@sluice/engine';
import type { MappingConfig, ServiceAccountKey, SourceConfig, SyncOptions, SyncReport } from '@sluice/engine';
import { startLocalBigQuery, startReceiver } from '@sluice/testkit';
import type { Answer, LocalBigQuery, ReceivedRow, Receiver } from '@sluice/testkit';

export const PROJECT = 'engine-tests';
const OWNER = 'owner@example.com';
const STATE = '__segment_reverse_etl';

export type Workbench = {
  readonly bigquery: LocalBigQuery;
  readonly source: SourceConfig;
  readonly dir: string;
  /** Rows that the receiver accepted, in order. */
  readonly received: ReceivedRow[];
  readonly receiver: Receiver;
  /** Rows that the receiver refuses, or undefined. */
  answer: ((rows: readonly ReceivedRow[]) => Answer | undefined) | undefined;
  mapping(
    id: string,
    sql: string,
    more?: Partial<MappingConfig> & { key?: string; batchSize?: number; data?: string },
  ): MappingConfig;
  sync(mapping: MappingConfig, options?: Partial<SyncOptions>): Promise<SyncReport>;
  /** Rows of a query, run as the project's owner. */
  rows(sql: string): Promise<Record<string, string | null>[]>;
  /** The accepted rows since the last call. */
  take(): ReceivedRow[];
  [Symbol.asyncDispose](): Promise<void>;
};

export async function openWorkbench(): Promise<Workbench> {
  const dir = await mkdtemp(path.join(tmpdir(), 'engine-'));
  const bigquery = await startLocalBigQuery({ dataDir: path.join(dir, 'data'), project: PROJECT, owner: OWNER });
  const received: ReceivedRow[] = [];
  const bench: { answer: Workbench['answer'] } = { answer: undefined };
  const receiver = await startReceiver({
    answer: (rows) => bench.answer?.(rows),
    onAccepted: (rows) => received.push(...rows),
  });
  await bigquery.call('POST', `/bigquery/v2/projects/${PROJECT}/datasets`, {
    datasetReference: { datasetId: 'shop' },
    location: 'US',
  });
  const key = await bigquery.serviceAccount('syncer', ['roles/bigquery.user', 'roles/bigquery.jobUser']);
  const dataset = await bigquery.call('GET', `/bigquery/v2/projects/${PROJECT}/datasets/shop`);
  const access = [...(dataset['access'] as object[]), { role: 'READER', userByEmail: key.client_email }];
  await bigquery.call('PATCH', `/bigquery/v2/projects/${PROJECT}/datasets/shop`, { access });
  const source: SourceConfig = {
    kind: 'bigquery',
    name: 'warehouse',
    projectId: PROJECT,
    location: 'US',
    credentials: key as unknown as ServiceAccountKey,
    endpoint: bigquery.restUrl,
  };
  const registry = createRegistry();
  let taken = 0;
  return {
    bigquery,
    source,
    dir,
    received,
    receiver,
    get answer() {
      return bench.answer;
    },
    set answer(answer) {
      bench.answer = answer;
    },
    mapping(id, sql, { key: keyColumn = 'id', batchSize = 100, data = '$.properties', ...more } = {}) {
      return {
        name: id,
        id,
        model: { name: `${id}_model`, sql, key: keyColumn, place: `models/${id}.sql` },
        operations: ['added', 'updated', 'deleted'],
        destination: {
          name: 'receiver',
          type: 'actions-webhook',
          action: 'send',
          settings: {},
          fields: {
            url: receiver.url,
            method: 'POST',
            enable_batching: true,
            batch_size: batchSize,
            data: { id: { '@path': '$.__segment_id' }, kind: { '@path': '$.event' }, row: { '@path': data } },
          },
        },
        ...more,
      };
    },
    sync(mapping, options = {}) {
      return syncMapping(source, mapping, { registry, ...options });
    },
    async rows(sql) {
      const answer = await bigquery.call('POST', `/bigquery/v2/projects/${PROJECT}/queries`, {
        query: sql,
        useLegacySql: false,
        maxResults: 10_000,
        timeoutMs: 60_000,
      });
      const names = ((answer['schema'] as { fields?: { name: string }[] }).fields ?? []).map((field) => field.name);
      return ((answer['rows'] ?? []) as { f: { v: string | null }[] }[]).map((row) =>
        Object.fromEntries(names.map((name, index) => [name, row.f[index]?.v ?? null])),
      );
    },
    take() {
      const fresh = received.slice(taken);
      taken = received.length;
      return fresh;
    },
    async [Symbol.asyncDispose]() {
      await receiver[Symbol.asyncDispose]();
      await bigquery[Symbol.asyncDispose]();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

export function stateTable(name: string): string {
  return `\`${PROJECT}.${STATE}.${name}\``;
}
