// Pages of a stored table's rows, in the order in which they were written. A page is a
// range of DuckDB row ids, so that reading page 1,000 costs what page 1 costs. Deleted
// rows leave gaps in the row ids; for such a table the ids of every 4,096th row are
// noted once, and again when DuckDB has compacted the file.
import { BigQueryError } from '../bigquery-error.ts';
import type { Table } from '../catalog/tables.ts';
import { encodeChunk } from '../googlesql/values/encode.ts';
import { typeOfField } from '../googlesql/values/schema.ts';
import { identifier, type DuckDb, type Session } from './duckdb.ts';
import { PhysicalTables } from './physical-tables.ts';

const STEP = 4096;

/** BigQuery cuts a page at about 10 MB whatever `maxResults` says. */
const MAX_PAGE_BYTES = 10_000_000;

export type PageRequest = {
  readonly table: Table;
  /** Zero-based row to begin with. */
  readonly startIndex: bigint;
  readonly maxResults: number;
  /** Names of the columns to return, all when undefined; a name that does not exist is an error. */
  readonly selectedFields?: readonly string[] | undefined;
  readonly useInt64Timestamp: boolean;
  readonly signal: AbortSignal;
};

/** `rowsJson` is the text of the `rows` array: made once, next to the data. */
export type Page = {
  readonly rowsJson: string;
  readonly rowCount: number;
  readonly totalRows: bigint;
  readonly nextIndex: bigint | undefined;
};

/** Where the rows lie. `marks[i]` is the row id of row i × STEP; undefined when row ids have no gaps. */
type Layout = {
  readonly version: number;
  readonly count: bigint;
  readonly lastRowId: bigint;
  readonly marks: readonly bigint[] | undefined;
};

const MAX_CACHED = 1_000;

export class TableRows {
  readonly #duckdb: DuckDb;
  readonly #physical: PhysicalTables;
  readonly #layouts = new Map<string, Layout>();

  constructor(duckdb: DuckDb, physical: PhysicalTables) {
    this.#duckdb = duckdb;
    this.#physical = physical;
  }

  async page(request: PageRequest): Promise<Page> {
    const unpin = this.#physical.pin(request.table.physicalId!);
    try {
      return await this.#page(request);
    } finally {
      unpin();
    }
  }

  async #page(request: PageRequest): Promise<Page> {
    const { table } = request;
    const name = PhysicalTables.nameOf(table.ref.projectId, table.physicalId!);
    const fields = selected(table, request.selectedFields);
    const types = fields.map(typeOfField);
    await this.#duckdb.attach(table.ref.projectId);
    return this.#duckdb.use({ signal: request.signal, timeoutMs: 120_000 }, (session) =>
      session.transaction(async () => {
        const layout = await this.#layout(session, table, name);
        const start = request.startIndex;
        const parts: string[] = [];
        let rowCount = 0;
        let bytes = 0;
        if (start < layout.count && request.maxResults > 0) {
          const columns = fields.map((field) => `t.${identifier(field.name)}`).join(', ');
          for await (const chunk of session.chunks(rangeSql(columns, name, layout, start, request.maxResults))) {
            const rows = encodeChunk(chunk, types, request);
            for (const row of rows) {
              if (bytes > MAX_PAGE_BYTES) break;
              const text = JSON.stringify(row);
              bytes += text.length + 1;
              parts.push(text);
              rowCount++;
            }
            if (bytes > MAX_PAGE_BYTES) break;
          }
        }
        const next = start + BigInt(rowCount);
        return {
          rowsJson: `[${parts.join(',')}]`,
          rowCount,
          totalRows: layout.count,
          nextIndex: next < layout.count && (rowCount > 0 || request.maxResults === 0) ? next : undefined,
        };
      }),
    );
  }

  async #layout(session: Session, table: Table, name: string): Promise<Layout> {
    const key = table.physicalId!;
    const known = this.#layouts.get(key);
    // Without gaps nothing can move while the version stays.
    if (known?.version === table.version && known.marks === undefined) return known;
    const hasOwnRowId = table.properties.schema.fields.some((field) => field.name.toLowerCase() === 'rowid');
    const [row] = await session.rows(
      `SELECT count(*), ${hasOwnRowId ? 'CAST(-2 AS BIGINT)' : 'CAST(coalesce(max(rowid), -1) AS BIGINT)'} FROM ${name}`,
    );
    const count = row![0] as bigint;
    const lastRowId = row![1] as bigint;
    if (known?.version === table.version && known.lastRowId === lastRowId && known.count === count) return known;
    let marks: bigint[] | undefined;
    if (lastRowId + 1n !== count && !hasOwnRowId) {
      const found = await session.rows(
        `SELECT r FROM (SELECT rowid AS r, row_number() OVER (ORDER BY rowid) - 1 AS n FROM ${name}) WHERE n % ${STEP} = 0 ORDER BY n`,
      );
      marks = found.map(([id]) => id as bigint);
    }
    const layout: Layout = { version: table.version, count, lastRowId, marks };
    if (this.#layouts.size >= MAX_CACHED) this.#layouts.clear();
    this.#layouts.set(key, layout);
    return layout;
  }
}

function rangeSql(columns: string, name: string, layout: Layout, start: bigint, max: number): string {
  const from = `SELECT ${columns} FROM ${name} AS t`;
  // A column called rowid hides DuckDB's own; such a table is read from its beginning.
  if (layout.lastRowId === -2n) return `${from} LIMIT ${max} OFFSET ${start}`;
  if (layout.marks === undefined)
    return `${from} WHERE t.rowid >= ${start} AND t.rowid < ${start + BigInt(max)} ORDER BY t.rowid`;
  const first = Number(start / BigInt(STEP));
  const skip = start - BigInt(first * STEP);
  const last = Math.ceil((Number(start) + max) / STEP);
  const until = layout.marks[last];
  const upper = until === undefined ? '' : ` AND t.rowid < ${until}`;
  return `${from} WHERE t.rowid >= ${layout.marks[first]}${upper} ORDER BY t.rowid LIMIT ${max} OFFSET ${skip}`;
}

function selected(table: Table, names: readonly string[] | undefined): Table['properties']['schema']['fields'] {
  const { fields } = table.properties.schema;
  if (names === undefined) return fields;
  const wanted = new Set(names.map((name) => name.trim().toLowerCase()));
  for (const name of wanted) {
    if (!fields.some((field) => field.name.toLowerCase() === name))
      throw new BigQueryError('invalid', `No such field: ${name}`);
  }
  return fields.filter((field) => wanted.has(field.name.toLowerCase()));
}
