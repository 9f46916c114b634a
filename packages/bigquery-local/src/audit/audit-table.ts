// Where the audit log is kept: table `data_access` of the hidden dataset `_sluice_audit` of
// each project. The project's owners may read it and nobody may change it: as a hidden
// dataset it inherits nothing from the project. It holds 30 days, and at most a million rows.
import type { FieldSchema } from '../catalog/schema.ts';
import type { Datasets, TableReference } from '../catalog/datasets.ts';
import { nameOf, Tables, type Table } from '../catalog/tables.ts';
import type { Projects } from '../catalog/projects.ts';
import { identifier, literal, type DuckDb } from '../storage/duckdb.ts';
import { PhysicalTables } from '../storage/physical-tables.ts';
import type { TableLock } from '../storage/table-lock.ts';
import type { AuditRow, AuditStore } from './audit-log.ts';

export const AUDIT_DATASET = '_sluice_audit';
export const AUDIT_TABLE = 'data_access';

/** `hiddenOwner` of the dataset: no e-mail, so that nobody is its owner. */
const SYSTEM = 'system';

export const AUDIT_FIELDS = [
  { name: 'time', type: 'TIMESTAMP', mode: 'REQUIRED', description: 'When the decision was made.' },
  { name: 'principal', type: 'STRING', description: 'E-mail of the user or service account that asked.' },
  { name: 'permission', type: 'STRING', description: 'bigquery.tables.getData' },
  { name: 'resource', type: 'STRING', description: 'projects/P/datasets/D/tables/T' },
  { name: 'granted', type: 'BOOLEAN' },
  { name: 'role', type: 'STRING', description: 'The role that grants the permission.' },
  { name: 'member', type: 'STRING', description: 'The member to whom the role was given.' },
  { name: 'granted_on', type: 'STRING', description: 'The resource whose policy gives it.' },
  { name: 'operation', type: 'STRING', description: 'The API method: bigquery.jobs.insert.' },
  { name: 'request_id', type: 'STRING' },
  { name: 'job_id', type: 'STRING' },
  { name: 'dropped', type: 'INTEGER', description: 'Decisions that are missing here: too many at once.' },
] as const satisfies readonly FieldSchema[];

const DUCKDB_TYPES = { TIMESTAMP: 'TIMESTAMPTZ', STRING: 'VARCHAR', BOOLEAN: 'BOOLEAN', INTEGER: 'BIGINT' } as const;

const KEPT_MS = 30 * 24 * 60 * 60 * 1000;
const KEPT_ROWS = 1_000_000;
const TRIM_PERIOD_MS = 60 * 60 * 1000;
const TIMEOUT_MS = 60_000;
const ROWS_PER_STATEMENT = 5_000;

export type AuditTableServices = {
  readonly projects: Projects;
  readonly datasets: Datasets;
  readonly tables: Tables;
  readonly duckdb: DuckDb;
  readonly physical: PhysicalTables;
  readonly lock: TableLock;
  readonly clock: () => number;
};

export class AuditTable implements AuditStore {
  readonly #services: AuditTableServices;
  readonly #trimmedAt = new Map<string, number>();

  constructor(services: AuditTableServices) {
    this.#services = services;
  }

  async write(named: string, rows: readonly AuditRow[]): Promise<void> {
    const { projects, tables, lock, duckdb } = this.#services;
    // Asked for by its number, it is the same project.
    const projectId = projects.find(named)?.projectId;
    if (rows.length === 0 || projectId === undefined) return;
    const ref: TableReference = { projectId, datasetId: AUDIT_DATASET, tableId: AUDIT_TABLE };
    await duckdb.attach(projectId);
    await lock.hold(nameOf(ref), AbortSignal.timeout(TIMEOUT_MS), async () => {
      const { physicalId } = await this.#ensure(ref);
      const name = PhysicalTables.nameOf(projectId, physicalId!);
      tables.beginWrite(ref);
      let changed = false;
      try {
        await duckdb.use({ timeoutMs: TIMEOUT_MS }, async (session) => {
          for (let i = 0; i < rows.length; i += ROWS_PER_STATEMENT) {
            await session.run(insertSql(name, rows.slice(i, i + ROWS_PER_STATEMENT)));
            changed = true;
          }
          if (this.#isTimeToTrim(projectId)) for (const sql of this.#trimSql(name)) await session.run(sql);
        });
      } finally {
        tables.endWrite(ref, changed);
      }
    });
  }

  async #ensure(ref: TableReference): Promise<Table> {
    const { datasets, tables, physical, duckdb } = this.#services;
    const known = tables.get(ref);
    if (known !== undefined) return known;
    if (datasets.get(ref.projectId, ref.datasetId) === undefined) {
      datasets.insert({
        projectId: ref.projectId,
        datasetId: ref.datasetId,
        location: 'US',
        hiddenOwner: SYSTEM,
        properties: {
          access: [{ role: 'READER', specialGroup: 'projectOwners' }],
          description: 'Who asked for which permission, and what granted it.',
        },
      });
    }
    const physicalId = Tables.newPhysicalId();
    await duckdb.use({ timeoutMs: TIMEOUT_MS }, (session) =>
      physical.create(session, ref.projectId, physicalId, AUDIT_FIELDS),
    );
    return tables.put({ ref, kind: 'TABLE', physicalId, properties: { schema: { fields: AUDIT_FIELDS } } }, 'create')
      .table;
  }

  #isTimeToTrim(projectId: string): boolean {
    const now = this.#services.clock();
    if (now - (this.#trimmedAt.get(projectId) ?? 0) < TRIM_PERIOD_MS) return false;
    this.#trimmedAt.set(projectId, now);
    return true;
  }

  *#trimSql(name: string): Generator<string> {
    const oldest = new Date(this.#services.clock() - KEPT_MS).toISOString();
    yield `DELETE FROM ${name} WHERE "time" < TIMESTAMPTZ ${literal(oldest)}`;
    yield `DELETE FROM ${name} WHERE rowid <= (SELECT rowid FROM ${name} ORDER BY rowid DESC LIMIT 1 OFFSET ${KEPT_ROWS})`;
  }
}

/** The rows travel as one JSON text: ten thousand take about 40 ms. */
function insertSql(name: string, rows: readonly AuditRow[]): string {
  const structure = Object.fromEntries(AUDIT_FIELDS.map((field) => [field.name, DUCKDB_TYPES[field.type]]));
  const columns = AUDIT_FIELDS.map((field) => `r.${identifier(field.name)}`).join(', ');
  return `INSERT INTO ${name} SELECT ${columns} FROM (SELECT unnest(from_json(${literal(JSON.stringify(rows))}, ${literal(JSON.stringify([structure]))})) AS r)`;
}
