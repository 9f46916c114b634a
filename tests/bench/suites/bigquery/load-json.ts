// A load job of 1 million rows of newline-delimited JSON into a new table, the file sent with it in
// a multipart upload. The reference: DuckDB's own read_json of the same file into a table of
// the same types in a file database.
import { createWriteStream } from 'node:fs';
import { once } from 'node:events';
import path from 'node:path';
import { cpuSecondsOf, DATASET, runScript, type BigQueryCase } from './case.ts';

const ROWS = 1_000_000;
const ROUNDS = 3;
const AIM = 2;

/** BigQuery's types, and DuckDB's that hold the same. */
const COLUMNS = [
  { name: 'id', type: 'INTEGER', duckdb: 'BIGINT' },
  { name: 'email', type: 'STRING', duckdb: 'VARCHAR' },
  { name: 'country', type: 'STRING', duckdb: 'VARCHAR' },
  { name: 'ltv', type: 'FLOAT', duckdb: 'DOUBLE' },
  { name: 'active', type: 'BOOLEAN', duckdb: 'BOOLEAN' },
  { name: 'updated_at', type: 'TIMESTAMP', duckdb: 'TIMESTAMPTZ' },
];

type Used = { readonly cpuSeconds: number; readonly wallSeconds: number };

export const loadJson: BigQueryCase = {
  name: 'load-ndjson-1m',
  prepare: async () => undefined,
  async *measure({ dataDir, start, log }) {
    const file = path.join(dataDir, '..', 'rows.ndjson');
    log(`writing ${ROWS} rows`);
    const megabytes = await writeRows(file);
    await using bigquery = await start();
    const fields = COLUMNS.map(({ name, type }) => ({ name, type }));
    let ours: Used = { cpuSeconds: Infinity, wallSeconds: Infinity };
    let reference = ours;
    for (let round = 1; round <= ROUNDS; round++) {
      log(`round ${round}: load job`);
      const cpuBefore = cpuSecondsOf(bigquery.pid);
      const before = performance.now();
      const table = { datasetId: DATASET, tableId: `loaded${round}` };
      await bigquery.load(file, table, { sourceFormat: 'NEWLINE_DELIMITED_JSON', schema: { fields } });
      ours = better(ours, {
        cpuSeconds: cpuSecondsOf(bigquery.pid) - cpuBefore,
        wallSeconds: (performance.now() - before) / 1000,
      });
      log(`round ${round}: DuckDB's read_json`);
      const columns = JSON.stringify(Object.fromEntries(COLUMNS.map(({ name, duckdb }) => [name, duckdb])));
      const target = path.join(dataDir, '..', `reference${round}.duckdb`);
      const script = path.join(import.meta.dirname, 'read-json.ts');
      reference = better(reference, await runScript<Used>(script, [file, target, columns, String(ROWS)]));
    }
    const ratio = ours.wallSeconds / reference.wallSeconds;
    yield {
      case: loadJson.name,
      ours: { ...ours, fileMB: megabytes },
      reference,
      ratio,
      aim: `at most ${AIM} times the time of read_json into a table`,
      ok: ratio <= AIM,
    };
  },
};

function better(one: Used, other: Used): Used {
  return {
    cpuSeconds: Math.min(one.cpuSeconds, other.cpuSeconds),
    wallSeconds: Math.min(one.wallSeconds, other.wallSeconds),
  };
}

/** Gives the size in MB. */
async function writeRows(file: string): Promise<number> {
  const out = createWriteStream(file);
  let lines = '';
  for (let i = 0; i < ROWS; i++) {
    lines += `${JSON.stringify({
      id: i,
      email: `user${i}@example.com`,
      country: ['DE', 'FR', 'US', 'GB'][i % 4],
      ltv: (i % 10_000) / 7,
      active: i % 3 === 0,
      updated_at: new Date(1_767_225_600_000 + i * 1000).toISOString(),
    })}\n`;
    if (lines.length > 1_000_000) {
      if (!out.write(lines)) await once(out, 'drain');
      lines = '';
    }
  }
  out.end(lines);
  await once(out, 'close');
  return out.bytesWritten / 1e6;
}
