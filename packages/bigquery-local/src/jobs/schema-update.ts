// `schemaUpdateOptions`: columns that a load or query job adds to the table that it appends to,
// and REQUIRED ones that it relaxes. Source: "Modifying table schemas", "Manually change table
// schemas"; `schemaUpdateOptions` of JobConfigurationLoad and JobConfigurationQuery.
import { BigQueryError } from '../bigquery-error.ts';
import type { FieldSchema } from '../catalog/schema.ts';
import { nameOf, type Table } from '../catalog/tables.ts';
import { invalidField, optionalList } from '../rest/bigquery/fields.ts';
import type { Execution } from './execution.ts';
import type { WriteDisposition } from './query-configuration.ts';

type Body = Readonly<Record<string, unknown>>;

export type SchemaUpdates = { readonly addition: boolean; readonly relaxation: boolean };

const OPTIONS = ['ALLOW_FIELD_ADDITION', 'ALLOW_FIELD_RELAXATION'];

/** `toPartition`: the job writes into one partition. */
export function parseSchemaUpdates(
  configuration: Body,
  disposition: WriteDisposition,
  toPartition: boolean,
): SchemaUpdates {
  const options = (optionalList(configuration, 'schemaUpdateOptions') ?? []).map(String);
  for (const option of options) {
    if (!OPTIONS.includes(option))
      throw invalidField('schemaUpdateOptions', `${option} is not one of ${OPTIONS.join(', ')}`);
  }
  if (options.length > 0 && disposition !== 'WRITE_APPEND' && !(disposition === 'WRITE_TRUNCATE' && toPartition))
    throw new BigQueryError(
      'invalid',
      'Schema update options should only be specified with WRITE_APPEND disposition, or with WRITE_TRUNCATE disposition on a table partition.',
    );
  return {
    addition: options.includes('ALLOW_FIELD_ADDITION'),
    relaxation: options.includes('ALLOW_FIELD_RELAXATION'),
  };
}

/**
 * Runs `write` with the table as it is after the updates that `fields`, the columns of the job,
 * ask for; puts the old schema back when it fails. The caller holds the table's lock.
 * `checksModes`: a REQUIRED column does not take a NULLABLE one unless it is relaxed.
 */
export async function withSchemaUpdates<T>(
  execution: Execution,
  table: Table,
  fields: readonly FieldSchema[],
  updates: SchemaUpdates,
  checksModes: boolean,
  write: (table: Table) => Promise<T>,
): Promise<T> {
  const { services, signal } = execution;
  const own = table.properties.schema.fields;
  const known = new Set(own.map(({ name }) => name.toLowerCase()));
  const added = updates.addition ? fields.filter(({ name }) => !known.has(name.toLowerCase())) : [];
  const required = added.find(({ mode }) => mode === 'REQUIRED');
  if (required !== undefined)
    throw mismatch(table, `Cannot add required fields to an existing schema. (field: ${required.name})`);
  refuseNestedAddition(table, fields, updates);
  const loosened = loosenedFields(table, fields);
  if (checksModes && !updates.relaxation) {
    const given = loosened.find(({ given: mode }) => mode !== undefined);
    if (given !== undefined)
      throw mismatch(table, `Field ${given.field.name} has changed mode from REQUIRED to ${given.given}`);
  }
  const relaxed = updates.relaxation ? loosened.map(({ field }) => field) : [];
  if (added.length === 0 && relaxed.length === 0) return write(table);
  await services.duckdb.attach(table.ref.projectId);
  await services.duckdb.use({ signal }, (session) =>
    session.transaction(async () => {
      await services.physical.addColumns(session, table, added);
      await services.physical.allowNulls(session, table, relaxed);
    }),
  );
  const schema = {
    fields: [
      ...own.map((field) => (relaxed.includes(field) ? { ...field, mode: 'NULLABLE' as const } : field)),
      ...added.map((field) => ({ ...field, mode: field.mode ?? 'NULLABLE' })),
    ],
  };
  const changed = services.tables.update(table.ref, { properties: { ...table.properties, schema } });
  try {
    return await write(changed);
  } catch (error) {
    // What is left in the stored table is not named any more, and nothing in it is NULL.
    services.tables.update(table.ref, { properties: table.properties });
    throw error;
  }
}

/** REQUIRED columns that the job leaves out, or gives with another mode. */
function loosenedFields(
  table: Table,
  fields: readonly FieldSchema[],
): readonly { readonly field: FieldSchema; readonly given: string | undefined }[] {
  const modes = new Map(fields.map((field) => [field.name.toLowerCase(), field.mode ?? 'NULLABLE']));
  return table.properties.schema.fields.flatMap((field) => {
    const given = modes.get(field.name.toLowerCase());
    return field.mode === 'REQUIRED' && given !== 'REQUIRED' ? [{ field, given }] : [];
  });
}

function refuseNestedAddition(table: Table, fields: readonly FieldSchema[], { addition }: SchemaUpdates): void {
  if (!addition) return;
  const own = new Map(table.properties.schema.fields.map((field) => [field.name.toLowerCase(), field]));
  for (const field of fields) {
    const inner = new Set((own.get(field.name.toLowerCase())?.fields ?? []).map(({ name }) => name.toLowerCase()));
    if (inner.size > 0 && (field.fields ?? []).some(({ name }) => !inner.has(name.toLowerCase())))
      throw new BigQueryError(
        'notImplemented',
        `ALLOW_FIELD_ADDITION within the record ${field.name} is not supported by the local BigQuery: add the nested field with tables.patch first.`,
      );
  }
}

function mismatch(table: Table, what: string): BigQueryError {
  return new BigQueryError('invalid', `Provided Schema does not match Table ${nameOf(table.ref)}. ${what}`);
}
