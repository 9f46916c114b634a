// A copy job: the rows of tables, or of partitions, to another table; also snapshots, clones
// and restored snapshots. All rows are there at once or none. Source: "Managing tables" (copy),
// JobConfigurationTableCopy and JobStatistics (copy) of the REST v2 reference.
import { BigQueryError } from '../../bigquery-error.ts';
import type { JobOutcome } from '../../catalog/jobs.ts';
import { ingestionTimeOf, nameOf, type Table, type TableKind, type TableProperties } from '../../catalog/tables.ts';
import { typeOfField } from '../../googlesql/values/schema.ts';
import { fittedRows } from '../../googlesql/values/type-parameters.ts';
import { identifier } from '../../storage/duckdb.ts';
import { inPartitionSql, integerRangeOf } from '../../storage/partition-id.ts';
import { PARTITION_TIME, PhysicalTables } from '../../storage/physical-tables.ts';
import { leftOutDefaults, withDefaults } from '../default-values.ts';
import type { Execution } from '../execution.ts';
import { fillPartition, writePartition } from '../partition-write.ts';
import { requireAppendable } from '../select.ts';
import { changeInPlace, commitTable, commitTruncated, fill, insertInto } from '../write-table.ts';
import { authorizeCopy } from './authorize-copy.ts';
import { copiedPolicies, putPolicies, withPolicies } from './copy-policies.ts';
import type { CopyConfiguration, CopyOperation } from './copy-configuration.ts';

type Source = { readonly table: Table; readonly partition?: string };

export async function runCopy(execution: Execution, configuration: CopyConfiguration): Promise<JobOutcome> {
  const { services, signal } = execution;
  const { ref } = configuration.destination;
  authorizeCopy(execution, configuration);
  return services.lock.hold(nameOf(ref), signal, async () => {
    using pins = new DisposableStack();
    // Looked up and pinned in one go: what is read is what was looked up.
    const sources = configuration.sources.map(({ ref: source, partition }): Source => {
      const table = requireSource(services.tables.get(source), nameOf(source), configuration.operation);
      if (table.physicalId !== undefined) pins.defer(services.physical.pin(table.physicalId));
      return partition === undefined ? { table } : { table, partition };
    });
    for (const { table } of sources) await services.duckdb.attach(table.ref.projectId);
    return await copy(execution, configuration, sources);
  });
}

const SOURCE_KINDS: Readonly<Record<CopyOperation, readonly TableKind[]>> = {
  COPY: ['TABLE', 'SNAPSHOT'],
  SNAPSHOT: ['TABLE'],
  RESTORE: ['SNAPSHOT'],
  CLONE: ['TABLE', 'SNAPSHOT'],
};

function requireSource(table: Table | undefined, name: string, operation: CopyOperation): Table {
  if (table === undefined) throw new BigQueryError('notFound', `Not found: Table ${name}`);
  if (!SOURCE_KINDS[operation].includes(table.kind))
    throw new BigQueryError(
      'invalid',
      `${name} is not allowed for this operation because it is currently a ${table.kind}.`,
    );
  return table;
}

async function copy(
  execution: Execution,
  configuration: CopyConfiguration,
  sources: readonly Source[],
): Promise<JobOutcome> {
  const { services } = execution;
  const { destination, writeDisposition, createDisposition, operation } = configuration;
  const { ref, partition } = destination;
  const first = sources[0]!.table;
  for (const { table } of sources.slice(1)) requireSameSchema(first, table);
  const kind: TableKind =
    operation === 'SNAPSHOT' || (operation === 'COPY' && first.kind === 'SNAPSHOT') ? 'SNAPSHOT' : 'TABLE';
  const dataset = services.datasets.get(ref.projectId, ref.datasetId);
  if (dataset === undefined)
    throw new BigQueryError('notFound', `Not found: Dataset ${ref.projectId}:${ref.datasetId}`);
  const old = services.tables.get(ref);
  if (old === undefined && createDisposition === 'CREATE_NEVER')
    throw new BigQueryError('notFound', `Not found: Table ${nameOf(ref)}`);
  if (old !== undefined) await requireWritable(execution, configuration, old, kind);
  const bytes = await bytesOf(execution, sources);
  const outcome = (rows: number): JobOutcome => ({
    statistics: { copy: { copiedRows: String(rows), copiedLogicalBytes: bytes.toString() } },
    destination: ref,
  });
  const refs = sources.map(({ table }) => table.ref);
  if (old?.physicalId !== undefined && (writeDisposition !== 'WRITE_TRUNCATE' || partition !== undefined))
    return withPolicies(services, ref, refs, () => append(execution, configuration, old, sources, outcome));
  const policies = copiedPolicies(services, refs);
  const properties = propertiesOf(execution, configuration, sources);
  const filled = await fillFrom(execution, ref.projectId, properties, sources, partition);
  const result = outcome(filled.rows);
  const alsoCommit = (): void => {
    putPolicies(services, ref, policies);
    execution.finish(result);
  };
  if (old !== undefined) {
    await commitTruncated(services, old, filled.physicalId, properties, alsoCommit);
    return result;
  }
  const defaultMs = dataset.properties.defaultTableExpirationMs;
  const expirationMs =
    configuration.expirationMs ?? (defaultMs === undefined ? undefined : services.clock() + Number(defaultMs));
  await commitTable(
    services,
    { ref, kind, expirationMs, properties, physicalId: filled.physicalId },
    'create',
    alsoCommit,
  );
  return result;
}

/** What is there already must be of the same kind, and empty unless the job says otherwise. */
async function requireWritable(
  { services }: Execution,
  { destination, writeDisposition }: CopyConfiguration,
  old: Table,
  kind: TableKind,
): Promise<void> {
  const name = nameOf(old.ref);
  // Nobody writes into a snapshot: it is made once.
  if (old.kind !== 'TABLE' || kind === 'SNAPSHOT') {
    if (old.kind === kind || old.kind === 'TABLE')
      throw new BigQueryError('duplicate', `Already Exists: Table ${name}`);
    throw new BigQueryError(
      'invalid',
      `${name} is not allowed for this operation because it is currently a ${old.kind}.`,
    );
  }
  if (
    writeDisposition === 'WRITE_EMPTY' &&
    destination.partition === undefined &&
    (await services.sizes.rows(old)) > 0n
  )
    throw new BigQueryError('duplicate', `Already Exists: Table ${name}`);
}

/** "If you copy multiple source tables, they must have the same schema." */
function requireSameSchema(first: Table, other: Table): void {
  requireAppendable(first, other.properties.schema.fields);
  requireAppendable(other, first.properties.schema.fields);
}

/** Layout and schema of the source; a table that comes from a snapshot is a plain table again. */
function propertiesOf(
  { services }: Execution,
  { operation, destination }: CopyConfiguration,
  sources: readonly Source[],
): TableProperties {
  const { table, partition } = sources[0]!;
  const { snapshotDefinition, cloneDefinition: _clone, ...shape } = table.properties;
  const now = new Date(services.clock()).toISOString();
  const baseTableReference = table.ref;
  switch (operation) {
    case 'SNAPSHOT':
      return { ...shape, snapshotDefinition: { baseTableReference, snapshotTime: now } };
    case 'CLONE':
      return { ...shape, cloneDefinition: { baseTableReference, cloneTime: now } };
    case 'RESTORE':
      return shape;
    case 'COPY':
      // One partition alone makes a table without partitions, unless it goes to a partition again.
      if (partition !== undefined && destination.partition === undefined) {
        const { timePartitioning: _time, rangePartitioning: _range, requirePartitionFilter: _filter, ...flat } = shape;
        return flat;
      }
      return snapshotDefinition === undefined ? shape : { ...shape, snapshotDefinition };
  }
}

/** SELECT of the columns, and behind them the partition of each row where `keepsPartitions`. Empty when no source has rows at all. */
function rowsOf(sources: readonly Source[], names: readonly string[], keepsPartitions: boolean): string {
  const columns = [...names, ...(keepsPartitions ? [PARTITION_TIME] : [])].map(identifier).join(', ');
  const selects = sources.map(({ table, partition }) => {
    const where = partition === undefined ? '' : ` WHERE ${inPartitionSql(table.properties, partition)}`;
    return table.physicalId === undefined
      ? undefined
      : `SELECT ${columns} FROM ${PhysicalTables.nameOf(table.ref.projectId, table.physicalId)}${where}`;
  });
  return selects.filter((select) => select !== undefined).join(' UNION ALL ');
}

function fillFrom(
  execution: Execution,
  projectId: string,
  properties: TableProperties,
  sources: readonly Source[],
  partition: string | undefined,
): Promise<{ physicalId: string; rows: number }> {
  const { fields } = properties.schema;
  const names = fields.map(({ name }) => name);
  if (partition !== undefined)
    return fillPartition(execution, projectId, properties, partition, rowsOf(sources, names, false));
  const unit = ingestionTimeOf(properties);
  const keeps = unit !== undefined && sources.every(({ table }) => ingestionTimeOf(table.properties) !== undefined);
  const sql = rowsOf(sources, names, keeps);
  return fill(execution, projectId, fields, sql === '' ? undefined : sql, unit, keeps);
}

async function append(
  execution: Execution,
  { destination, writeDisposition }: CopyConfiguration,
  target: Table,
  sources: readonly Source[],
  outcome: (rows: number) => JobOutcome,
): Promise<JobOutcome> {
  const { services, principal } = execution;
  const { fields } = sources[0]!.table.properties.schema;
  for (const { table } of sources) requireAppendable(target, table.properties.schema.fields);
  requireModes(target, sources);
  if (destination.partition === undefined) requireSamePartitioning(target, sources);
  const names = fields.map(({ name }) => name);
  const leftOut = await leftOutDefaults(services, principal.email, target, names);
  const keeps = ingestionTimeOf(target.properties) !== undefined && destination.partition === undefined;
  const own = new Map(target.properties.schema.fields.map((field) => [field.name.toLowerCase(), field]));
  const ownFields = fields.map((field) => own.get(field.name.toLowerCase()) ?? field);
  if (destination.partition !== undefined)
    return writePartition(execution, {
      table: target,
      partition: destination.partition,
      disposition: writeDisposition,
      columns: [...names, ...leftOut.names],
      sql: withDefaults(fittedRows(rowsOf(sources, names, false), ownFields, typeOfField), leftOut),
      outcome,
    });
  const given = rowsOf(sources, names, keeps);
  const fitted = keeps
    ? [...ownFields, { name: PARTITION_TIME, type: 'TIMESTAMP', mode: 'NULLABLE' } as const]
    : ownFields;
  const sql = withDefaults(fittedRows(given, fitted, typeOfField), leftOut);
  const columns = [...names, ...(keeps ? [PARTITION_TIME] : []), ...leftOut.names].map(identifier).join(', ');
  return changeInPlace(execution, {
    ref: target.ref,
    expected: target,
    body: async (session, name) => {
      const rows = given === '' ? 0 : await insertInto(session, name, columns, sql);
      return { changed: rows, outcome: outcome(rows) };
    },
  });
}

/** A column that may hold NULL does not go into one that must not. */
function requireModes(target: Table, sources: readonly Source[]): void {
  const modes = new Map(target.properties.schema.fields.map((field) => [field.name.toLowerCase(), field.mode]));
  for (const { table } of sources) {
    for (const field of table.properties.schema.fields) {
      const own = modes.get(field.name.toLowerCase());
      if (own === 'REQUIRED' && field.mode !== 'REQUIRED')
        throw new BigQueryError(
          'invalid',
          `Provided Schema does not match Table ${nameOf(target.ref)}. Field ${field.name} has changed mode from REQUIRED to ${field.mode ?? 'NULLABLE'}`,
        );
    }
  }
}

function requireSamePartitioning(target: Table, sources: readonly Source[]): void {
  for (const { table, partition } of sources) {
    const [from, to] = [
      partition === undefined ? layoutName(table.properties) : NOT_PARTITIONED,
      layoutName(target.properties),
    ];
    // Rows of any layout go into a table that has none.
    if (to.text === from.text || to === NOT_PARTITIONED) continue;
    throw new BigQueryError('invalid', `Failed to copy ${from.name} table to ${to.name} table: not supported.`);
  }
}

const NOT_PARTITIONED = { name: 'Non partitioned', text: '' };

function layoutName(properties: TableProperties): { readonly name: string; readonly text: string } {
  const { timePartitioning } = properties;
  const range = integerRangeOf(properties);
  if (range !== undefined)
    return { name: 'Range partitioned', text: `${range.field}:${range.start}:${range.end}:${range.interval}` };
  if (timePartitioning === undefined) return NOT_PARTITIONED;
  const type = timePartitioning.type.toUpperCase();
  return timePartitioning.field === undefined
    ? { name: 'Ingestion time partitioned', text: type }
    : { name: 'Column partitioned', text: `${timePartitioning.field.toLowerCase()}:${type}` };
}

async function bytesOf({ services }: Execution, sources: readonly Source[]): Promise<bigint> {
  let bytes = 0n;
  for (const { table, partition } of sources) {
    if (partition === undefined) bytes += await services.sizes.bytes(table);
    else bytes += (await services.sizes.partitions(table)).find(({ id }) => id === partition)?.bytes ?? 0n;
  }
  return bytes;
}
