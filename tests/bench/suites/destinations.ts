// What delivery costs beside the least that it could cost: PostgreSQL against a hand-written
// COPY and INSERT … ON CONFLICT, the webhook against bare undici and against the stock
// runtime of Segment's actions, and the memory of 100,000 batches.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Change, JsonObject, JsonValue } from '@sluice/core';
import { compileMapping, eventOf } from '@sluice/destination-kit';
import type { DestinationSpec, OpenDestination, Prepared } from '@sluice/destination-kit';
import { createRegistry } from '@sluice/destinations';
import { startPostgres } from '@sluice/testkit/servers';
import type { PostgresServer } from '@sluice/testkit/servers';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { Pool as HttpPool } from 'undici';
import type { Measurement, Suite } from '../suite.ts';
import { startSink } from '../sink.ts';
import type { Sink } from '../sink.ts';

const UPSERT_ROWS = 1_000_000;
const WEBHOOK_ROWS = 400_000;
const WEBHOOK_BATCH = 1_000;
const MEMORY_BATCHES = 100_000;
const MEMORY_BATCH = 10;
const IN_FLIGHT = 8;
const ROUNDS = 2;
const CLOCK_TICKS = 100;

const FIELDS: JsonObject = {
  id: { '@path': '$.properties.id' },
  email: { '@path': '$.properties.email' },
  first_name: { '@path': '$.properties.first_name' },
  last_name: { '@path': '$.properties.last_name' },
  country: { '@path': '$.properties.country' },
  plan: { '@path': '$.properties.plan' },
  ltv: { '@path': '$.properties.ltv' },
  visits: { '@path': '$.properties.visits' },
  active: { '@path': '$.properties.active' },
  updated_at: { '@path': '$.properties.updated_at' },
};
const COLUMNS = Object.keys(FIELDS);

export const destinationsSuite: Suite = {
  description: 'PostgreSQL upserts, the webhook and 100,000 batches, beside the least that they could cost',
  async *run(log, wants) {
    if (wants('postgresql-upsert')) {
      log(`PostgreSQL: upsert of ${UPSERT_ROWS} rows that exist`);
      yield await postgres(log);
    }
    await using sink = await startSink();
    if (wants('webhook-against-bare-undici') || wants('webhook-against-stock-runtime')) {
      log(`webhook: ${WEBHOOK_ROWS} rows in batches of ${WEBHOOK_BATCH}`);
      yield* webhook(sink);
    }
    if (!wants('memory-over-100000-batches')) return;
    log(`memory: ${MEMORY_BATCHES} batches`);
    yield await memory(sink);
  },
};

/** The row that a plan holds for record `i`: integers and decimals as BigQuery's clients give them. */
function record(i: number): JsonObject {
  return {
    id: String(i),
    email: `user${i}@example.com`,
    first_name: `First${i % 1000}`,
    last_name: `Last${i % 5000}`,
    country: ['DE', 'FR', 'US', 'GB'][i % 4] ?? null,
    plan: `plan${i % 5}`,
    ltv: (i % 10_000) / 7,
    visits: String(i % 777),
    active: i % 2 === 0,
    updated_at: new Date(1_767_225_600_000 + i * 1000).toISOString(),
  };
}

function change(i: number): Change {
  return { ordinal: i, operation: 'updated', recordId: String(i), checksum: `c${i}`, columns: record(i) };
}

async function postgres(log: (text: string) => void): Promise<Measurement> {
  await using server = await startPostgres();
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  const cost: { ours: Cost[]; reference: Cost[] } = { ours: [], reference: [] };
  for (let round = 0; round < ROUNDS; round += 1) {
    await freshTable(client);
    cost.reference.push(await measured(server, () => copyAndUpsert(client)));
    await freshTable(client);
    cost.ours.push(await measured(server, () => upsertWithDestination(server)));
    log(
      `round ${round + 1}: ours ${JSON.stringify(cost.ours.at(-1))}, reference ${JSON.stringify(cost.reference.at(-1))}`,
    );
  }
  const { rows } = await client.query<{ count: string; sum: string }>('SELECT count(*), sum(visits) FROM contacts');
  await client.end();
  if (Number(rows[0]?.count) !== UPSERT_ROWS || Number(rows[0]?.sum) === 0) throw new Error('the upsert lost rows');
  const ours = best(cost.ours);
  const reference = best(cost.reference);
  const ratio = ours.cpuSeconds / reference.cpuSeconds;
  return {
    case: 'postgresql-upsert',
    ours: { ...ours, rows: UPSERT_ROWS },
    reference: { ...reference, rows: UPSERT_ROWS },
    ratio,
    aim: 'at most 1.3 times the CPU of a hand-written COPY and INSERT … ON CONFLICT, client and server',
    ok: ratio <= 1.3,
  };
}

async function freshTable(client: pg.Client): Promise<void> {
  await client.query(`DROP TABLE IF EXISTS contacts`);
  await client.query(`CREATE TABLE contacts AS
    SELECT i::bigint AS id, 'old' || i AS email, 'F' AS first_name, 'L' AS last_name, 'DE' AS country, 'plan1' AS plan,
      0::double precision AS ltv, 0::bigint AS visits, true AS active, now() AS updated_at
    FROM generate_series(0, ${UPSERT_ROWS - 1}) i`);
  await client.query('ALTER TABLE contacts ADD PRIMARY KEY (id)');
  await client.query('VACUUM ANALYZE contacts');
  await client.query('CHECKPOINT');
}

/** What a developer would write for this very table: text, one staging table, one statement. */
async function copyAndUpsert(client: pg.Client): Promise<void> {
  await client.query('CREATE TEMP TABLE staging AS SELECT * FROM contacts WITH NO DATA');
  function* text(): Generator<string> {
    let piece = '';
    for (let i = 0; i < UPSERT_ROWS; i += 1) {
      const row = record(i);
      piece += `${COLUMNS.map((name) => copyText(row[name])).join('\t')}\n`;
      if (piece.length < 65_536) continue;
      yield piece;
      piece = '';
    }
    yield piece;
  }
  await pipeline(Readable.from(text()), client.query(copyFrom('COPY staging FROM STDIN')));
  const updates = COLUMNS.filter((name) => name !== 'id').map((name) => `${name} = EXCLUDED.${name}`);
  await client.query(`INSERT INTO contacts SELECT * FROM staging ON CONFLICT (id) DO UPDATE SET ${updates.join(', ')}`);
  await client.query('DROP TABLE staging');
}

function copyText(value: JsonValue | undefined): string {
  if (value === null || value === undefined) return '\\N';
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  return /[\\\n\r\t]/.test(text)
    ? text.replaceAll(/[\\\n\r\t]/g, (each) => ({ '\n': '\\n', '\r': '\\r', '\t': '\\t' })[each] ?? '\\\\')
    : text;
}

async function upsertWithDestination(server: PostgresServer): Promise<void> {
  const { host, port, database, user, password } = server;
  await using destination = await createRegistry().open({
    type: 'postgresql',
    action: 'sync',
    settings: { host, port, database, user, password, ssl: 'disable' },
    fields: { table: 'contacts', key: ['id'], __segment_internal_sync_mode: 'upsert', row: FIELDS },
    mappingId: 'bench',
    syncId: 's1',
  });
  await deliverAll(destination, UPSERT_ROWS, destination.batching.maxRows, destination.batching.concurrency);
  await destination.flush();
}

/** Maps, batches and sends rows 0 to `rows` − 1, with a bound on the batches in flight. */
async function deliverAll(
  destination: OpenDestination,
  rows: number,
  size: number,
  concurrency: number,
): Promise<void> {
  const inFlight = new Set<Promise<void>>();
  const { signal } = new AbortController();
  for (let from = 0; from < rows; from += size) {
    const batch: Prepared[] = [];
    for (let i = from; i < Math.min(from + size, rows); i += 1) {
      const prepared = destination.prepare(change(i));
      if ('outcome' in prepared) throw new Error(prepared.message);
      batch.push(prepared);
    }
    while (inFlight.size >= concurrency) await Promise.race(inFlight);
    const task = destination.deliver(batch, { signal, idempotencyKey: String(from) }).then((result) => {
      if (result.kind === 'failed') throw new Error(result.message);
      if (result.outcomes.some(({ outcome }) => outcome !== 'delivered')) throw new Error('a row was refused');
    });
    inFlight.add(task);
    void task.finally(() => inFlight.delete(task));
  }
  await Promise.all(inFlight);
}

async function* webhook(sink: Sink): AsyncIterable<Measurement> {
  const spec = webhookSpec(sink.url, WEBHOOK_BATCH);
  await using destination = await createRegistry().open(spec);
  const rates = { ours: 0, bare: 0, stock: 0 };
  for (let round = 0; round < ROUNDS; round += 1) {
    rates.bare = Math.max(rates.bare, await rowsPerCpuSecond(WEBHOOK_ROWS, () => bareUndici(sink.url)));
    rates.ours = Math.max(
      rates.ours,
      await rowsPerCpuSecond(WEBHOOK_ROWS, () => deliverAll(destination, WEBHOOK_ROWS, WEBHOOK_BATCH, IN_FLIGHT)),
    );
    rates.stock = Math.max(rates.stock, await rowsPerCpuSecond(WEBHOOK_ROWS / 4, () => stockRuntime(spec)));
  }
  const figures = (rate: number): Record<string, number> => ({ rowsPerCpuSecond: Math.round(rate) });
  yield {
    case: 'webhook-against-bare-undici',
    ours: figures(rates.ours),
    reference: figures(rates.bare),
    ratio: rates.ours / rates.bare,
    aim: 'at least half of the rows per CPU-second of bare undici with a compiled mapping',
    ok: rates.ours / rates.bare >= 0.5,
  };
  yield {
    case: 'webhook-against-stock-runtime',
    ours: figures(rates.ours),
    reference: figures(rates.stock),
    ratio: rates.ours / rates.stock,
    aim: 'at least 3 times the rows per CPU-second of the stock runtime',
    ok: rates.ours / rates.stock >= 3,
  };
}

function webhookSpec(url: string, size: number): DestinationSpec {
  return {
    type: 'actions-webhook',
    action: 'send',
    settings: {},
    fields: { url, method: 'POST', data: FIELDS, enable_batching: true, batch_size: size },
    mappingId: 'bench',
    syncId: 's1',
  };
}

async function bareUndici(url: string): Promise<void> {
  const map = compileMapping({ data: FIELDS });
  const context = { mappingId: 'bench', syncId: 's1', timestamp: new Date().toISOString() };
  const { origin, pathname } = new URL(url);
  const pool = new HttpPool(origin, { connections: IN_FLIGHT });
  const inFlight = new Set<Promise<void>>();
  for (let from = 0; from < WEBHOOK_ROWS; from += WEBHOOK_BATCH) {
    const rows: unknown[] = [];
    for (let i = from; i < from + WEBHOOK_BATCH; i += 1) rows.push(map(eventOf(change(i), context, false))['data']);
    while (inFlight.size >= IN_FLIGHT) await Promise.race(inFlight);
    const task = pool
      .request({
        method: 'POST',
        path: pathname,
        body: JSON.stringify(rows),
        headers: { 'content-type': 'application/json' },
      })
      .then(({ body }) => body.dump());
    inFlight.add(task);
    void task.finally(() => inFlight.delete(task));
  }
  await Promise.all(inFlight);
  await pool.close();
}

type StockDestination = {
  executeBatch(action: string, data: object): Promise<readonly { readonly status: number }[]>;
  responses: unknown[];
};

async function stockRuntime(spec: DestinationSpec): Promise<void> {
  const require = createRequire(createRequire(import.meta.url).resolve('@sluice/destinations'));
  const { Destination } = require('@segment/actions-core') as {
    Destination: new (definition: unknown) => StockDestination;
  };
  const { default: definition } = require('@segment/action-destinations/dist/destinations/webhook') as {
    default: unknown;
  };
  const stock = new Destination(definition);
  const context = { mappingId: 'bench', syncId: 's1', timestamp: new Date().toISOString() };
  const inFlight = new Set<Promise<void>>();
  for (let from = 0; from < WEBHOOK_ROWS / 4; from += WEBHOOK_BATCH) {
    const events = Array.from({ length: WEBHOOK_BATCH }, (_, i) => eventOf(change(from + i), context));
    while (inFlight.size >= IN_FLIGHT) await Promise.race(inFlight);
    const task = stock
      .executeBatch('send', { events, mapping: spec.fields, settings: {}, auth: undefined })
      .then((nodes) => {
        const refused = nodes.find(({ status }) => status !== 200);
        if (refused !== undefined) throw new Error(`the stock runtime refused a row: ${JSON.stringify(refused)}`);
        // It keeps every response; Segment's own server empties the list after each call.
        stock.responses = [];
      });
    inFlight.add(task);
    void task.finally(() => inFlight.delete(task));
  }
  await Promise.all(inFlight);
}

async function memory(sink: Sink): Promise<Measurement> {
  await using destination = await createRegistry().open(webhookSpec(sink.url, MEMORY_BATCH));
  const part = (MEMORY_BATCHES / 10) * MEMORY_BATCH;
  await deliverAll(destination, part, MEMORY_BATCH, IN_FLIGHT);
  const early = heapMB();
  for (let done = 1; done < 10; done += 1) await deliverAll(destination, part, MEMORY_BATCH, IN_FLIGHT);
  const late = heapMB();
  return {
    case: 'memory-over-100000-batches',
    ours: { heapMBAfterAll: late, batches: MEMORY_BATCHES },
    reference: { heapMBAfterFirstTenth: early },
    ratio: late / early,
    aim: 'the heap after 100,000 batches at most 1.1 times that after 10,000',
    ok: late / early <= 1.1,
  };
}

function heapMB(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  return process.memoryUsage().heapUsed / 2 ** 20;
}

async function rowsPerCpuSecond(rows: number, run: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage();
  await run();
  const { user, system } = process.cpuUsage(before);
  return rows / ((user + system) / 1e6);
}

type Cost = { readonly cpuSeconds: number; readonly clientCpuSeconds: number; readonly wallSeconds: number };

/** CPU seconds of this process and of all of the server's; a backend that ended counts in its parent. */
async function measured(server: PostgresServer, run: () => Promise<void>): Promise<Cost> {
  const serverBefore = treeCpuSeconds(server.process.pid);
  const before = process.cpuUsage();
  const started = performance.now();
  await run();
  const { user, system } = process.cpuUsage(before);
  const clientCpuSeconds = (user + system) / 1e6;
  return {
    cpuSeconds: clientCpuSeconds + treeCpuSeconds(server.process.pid) - serverBefore,
    clientCpuSeconds,
    wallSeconds: (performance.now() - started) / 1000,
  };
}

function treeCpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  // utime, stime, cutime, cstime (proc(5), fields 14 to 17).
  const own = fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / CLOCK_TICKS;
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return children === '' ? own : children.split(' ').reduce((sum, child) => sum + childCpuSeconds(Number(child)), own);
}

function childCpuSeconds(pid: number): number {
  try {
    return treeCpuSeconds(pid);
  } catch {
    return 0; // it ended just now
  }
}

function best(costs: readonly Cost[]): Cost {
  return costs.reduce((least, cost) => (cost.cpuSeconds < least.cpuSeconds ? cost : least));
}
