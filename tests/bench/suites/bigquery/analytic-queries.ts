// Group-by, window and join over 1 million rows with small results, each in turn with the same
// SQL given to DuckDB directly over a copy of the same file. On our side the access check, the
// analysis, the job and its result table, and reading the result through the API are included;
// the cache of query results is switched off.
import { copyFile } from 'node:fs/promises';
import path from 'node:path';
import { issueUserToken } from '@sluice/bigquery-local';
import { startBareServer, type BareServer } from './bare-server.ts';
import { cpuSecondsOf, DATASET, OWNER, PROJECT, type BigQueryCase } from './case.ts';
import { KeepAliveClient } from './keep-alive-client.ts';
import { medianOf } from './median.ts';

const ROWS = 1_000_000;
const CUSTOMERS = 50_000;
const WARM_UP = 200;
const WARM_UP_ROUNDS = 3;
const ROUNDS = 15;
const AIM = 1.3;

/** GoogleSQL that DuckDB takes as it is, with the same meaning. */
const QUERIES: Readonly<Record<string, string>> = {
  'group-by': `SELECT country, status, COUNT(*) AS orders, SUM(amount) AS total, AVG(quantity) AS quantity,
      MIN(ordered_at) AS first_order, MAX(ordered_at) AS last_order
    FROM bench.orders GROUP BY country, status ORDER BY country, status`,
  'group-by-many': `SELECT customer_id, COUNT(*) AS orders, SUM(amount) AS total FROM bench.orders
    WHERE status <> 'returned' GROUP BY customer_id ORDER BY total DESC, customer_id LIMIT 100`,
  window: `SELECT country, COUNT(*) AS orders, MAX(running) AS most, SUM(newest) AS customers FROM (
      SELECT country, SUM(quantity) OVER (PARTITION BY customer_id ORDER BY order_id) AS running,
        CASE WHEN ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY ordered_at DESC, order_id DESC) = 1
          THEN 1 ELSE 0 END AS newest
      FROM bench.orders) AS o GROUP BY country ORDER BY country`,
  join: `SELECT c.segment, COUNT(*) AS orders, SUM(o.amount) AS total, COUNT(DISTINCT c.customer_id) AS customers
    FROM bench.orders AS o JOIN bench.customers AS c ON o.customer_id = c.customer_id
    WHERE c.active GROUP BY c.segment ORDER BY c.segment`,
};

const COLUMNS = {
  orders: 'order_id,customer_id,country,status,quantity,amount,ordered_at',
  customers: 'customer_id,segment,active',
};

export const analyticQueries: BigQueryCase = {
  name: 'query-1m',
  async prepare(bigquery, log) {
    log(`writing ${ROWS} orders of ${CUSTOMERS} customers`);
    await bigquery.query(`CREATE TABLE ${DATASET}.orders AS
      SELECT i AS order_id, MOD(i * 7919, ${CUSTOMERS}) AS customer_id,
        ['DE', 'FR', 'US', 'GB', 'ES', 'IT', 'PL', 'NL'][OFFSET(MOD(i * 31, 8))] AS country,
        ['open', 'paid', 'sent', 'returned'][OFFSET(MOD(DIV(i, 7), 4))] AS status,
        MOD(i, 13) + 1 AS quantity, MOD(i * 104729, 100003) / 100 AS amount,
        TIMESTAMP_ADD(TIMESTAMP '2026-01-01 00:00:00+00', INTERVAL MOD(i * 15485863, 31536000) SECOND) AS ordered_at
      FROM (SELECT a * 1000 + b AS i
        FROM UNNEST(GENERATE_ARRAY(0, ${ROWS / 1000 - 1})) AS a, UNNEST(GENERATE_ARRAY(0, 999)) AS b)`);
    await bigquery.query(`CREATE TABLE ${DATASET}.customers AS
      SELECT i AS customer_id, CONCAT('segment ', CAST(MOD(i, 20) AS STRING)) AS segment, MOD(i, 5) <> 0 AS active
      FROM UNNEST(GENERATE_ARRAY(0, ${CUSTOMERS - 1})) AS i`);
  },
  async *measure({ dataDir, start, log }) {
    const copy = path.join(dataDir, '..', 'copy.duckdb');
    await copyFile(path.join(dataDir, 'projects', `${PROJECT}.duckdb`), copy);
    await using bigquery = await start();
    await using bare = await startBareServer();
    using client = new KeepAliveClient(await issueUserToken({ dataDir, email: OWNER }));
    using bareClient = new KeepAliveClient();
    await attachCopy(bare, bareClient, copy);
    const url = `${bigquery.restUrl}/bigquery/v2/projects/${PROJECT}/queries`;
    log(`${WARM_UP} small queries of each server, so that its code is compiled`);
    const small = JSON.stringify({ query: 'SELECT 1', useLegacySql: false, useQueryCache: false });
    for (let i = 0; i < WARM_UP; i++) {
      await client.send('POST', url, small);
      await bareClient.send('POST', bare.url, 'SELECT 1');
    }
    for (const [name, sql] of Object.entries(QUERIES)) {
      log(name);
      const body = JSON.stringify({ query: sql, useLegacySql: false, useQueryCache: false });
      const ours = new Runs(bigquery.pid, async () => {
        const { rows = [] } = JSON.parse(await client.send('POST', url, body)) as { rows?: unknown[] };
        return rows.length;
      });
      const reference = new Runs(bare.pid, async () => {
        const { rows } = JSON.parse(await bareClient.send('POST', bare.url, sql)) as { rows: unknown[] };
        return rows.length;
      });
      for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
        const count = await ours.once(round >= 0);
        if (count === 0 || (await reference.once(round >= 0)) !== count) throw new Error(`${name}: the rows differ`);
      }
      const wallRatio = ours.medianMs / reference.medianMs;
      yield {
        case: `query-1m-${name}`,
        ours: ours.figures(),
        reference: reference.figures(),
        ratio: wallRatio,
        aim: `median time at most ${AIM} times that of DuckDB`,
        ok: wallRatio <= AIM,
      };
    }
  },
};

class Runs {
  readonly #pid: number;
  readonly #call: () => Promise<number>;
  readonly #wallMs: number[] = [];
  #cpuSeconds = 0;

  constructor(pid: number, call: () => Promise<number>) {
    this.#pid = pid;
    this.#call = call;
  }

  /** Number of rows. */
  async once(counts: boolean): Promise<number> {
    const cpuBefore = cpuSecondsOf(this.#pid);
    const before = performance.now();
    const rows = await this.#call();
    if (counts) {
      this.#wallMs.push(performance.now() - before);
      this.#cpuSeconds += cpuSecondsOf(this.#pid) - cpuBefore;
    }
    return rows;
  }

  get medianMs(): number {
    return medianOf(this.#wallMs);
  }

  figures(): Record<'medianMs' | 'bestMs' | 'cpuMsPerCall', number> {
    return {
      medianMs: this.medianMs,
      bestMs: Math.min(...this.#wallMs),
      cpuMsPerCall: (this.#cpuSeconds * 1000) / this.#wallMs.length,
    };
  }
}

/** Makes the tables of the copy known to the bare server under the names that the queries use. */
async function attachCopy(bare: BareServer, client: KeepAliveClient, copy: string): Promise<void> {
  const run = async (sql: string): Promise<string[][]> =>
    (JSON.parse(await client.send('POST', bare.url, sql)) as { rows: string[][] }).rows;
  await run(`ATTACH '${copy.replaceAll("'", "''")}' AS copied (READ_ONLY)`);
  await run(`CREATE SCHEMA ${DATASET}`);
  const tables = await run(
    `SELECT string_agg(column_name, ',' ORDER BY column_index), table_name FROM duckdb_columns()
     WHERE database_name = 'copied' GROUP BY table_name`,
  );
  const stored = new Map(tables.map(([columns = '', name = '']) => [columns, name]));
  for (const [table, columns] of Object.entries(COLUMNS))
    await run(`CREATE VIEW ${DATASET}.${table} AS SELECT * FROM copied.main."${stored.get(columns) ?? ''}"`);
}
