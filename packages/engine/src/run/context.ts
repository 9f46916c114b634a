// What every entry point needs: the source opened, the configuration checked, the state
// tables named.
import { AppError } from '@sluice/core';
import type { DestinationRegistry, DestinationSpec, Diagnostic } from '@sluice/destination-kit';
import type { ValidModel } from '../model/model.ts';
import { SYNC_MODE_FIELD, modeOf, modeOperations } from '../plan/sync-mode.ts';
import { DEFAULT_STATE_DATASET, stateTables } from '../plan/state-tables.ts';
import type { StateTables } from '../plan/state-tables.ts';
import { BigQuerySource } from '../source/bigquery/bigquery.ts';
import type { Source } from '../source/source.ts';
import type { MappingConfig, MappingName, SourceConfig, Warning } from './api.ts';

export type Context = {
  readonly source: Source;
  readonly tables: StateTables;
  readonly stateDataset: string;
};

export function openContext(config: SourceConfig, mapping: MappingName): Context {
  const stateDataset = config.stateDataset ?? DEFAULT_STATE_DATASET;
  const tables = stateTables(config.projectId, stateDataset, mapping.id);
  return { source: new BigQuerySource(config, { sluice_mapping: mapping.id }), tables, stateDataset };
}

export function destinationSpec(mapping: MappingConfig, syncId: string): DestinationSpec {
  const { name: _, ...destination } = mapping.destination;
  return { ...destination, mappingId: mapping.id, syncId, operations: mapping.operations };
}

/** Gives the warnings. Throws an AppError that lists every error of the mapping and its settings. */
export function validateDestination(
  registry: DestinationRegistry,
  mapping: MappingConfig,
  model: ValidModel,
): readonly Warning[] {
  const columns = model.columns.map((column) => column.name);
  const diagnostics = [
    ...registry.validate(destinationSpec(mapping, 'validation'), columns),
    ...syncModeProblems(mapping),
    ...incrementalProblems(mapping),
  ];
  const errors = diagnostics.filter((diagnostic) => diagnostic.severity === 'error');
  const first = errors[0];
  if (first === undefined)
    return diagnostics.map(({ path, message, fix }) => ({ path, message, ...(fix === undefined ? {} : { fix }) }));
  const fix = first.fix;
  throw new AppError(
    `Mapping ${mapping.name}: ${errors.map((error) => `${error.path}: ${error.message}`).join('; ')}`,
    {
      code: 'MAPPING_INVALID',
      kind: 'invalid',
      where: `mapping ${mapping.name}, ${first.path}`,
      ...(fix === undefined ? {} : { fix }),
      details: { diagnostics: errors },
    },
  );
}

/** A sync mode says by itself which changes are sent. */
function syncModeProblems({ destination, operations }: MappingConfig): Diagnostic[] {
  const mode = modeOf(destination.fields);
  if (mode === undefined) return [];
  const expected = modeOperations(mode);
  if (expected.length === operations.length && expected.every((operation) => operations.includes(operation))) return [];
  return [
    {
      severity: 'error',
      path: `fields.${SYNC_MODE_FIELD}`,
      message: `the sync mode "${mode}" sends ${expected.join(', ')} records, but the mapping sends ${operations.join(', ')}`,
      fix: `Send ${expected.join(', ')}, or choose another sync mode.`,
    },
  ];
}

function incrementalProblems({ model, operations }: MappingConfig): Diagnostic[] {
  if (model.timestamp === undefined) return [];
  const onlyDeletes = operations.every((operation) => operation === 'deleted');
  if (!operations.includes('deleted')) return [];
  return [
    {
      severity: onlyDeletes ? 'error' : 'warning',
      path: 'send',
      message: `model ${model.name} is incremental (timestamp ${model.timestamp}): records that leave it are not noticed, so nothing is ever sent as deleted`,
      fix: 'Remove the timestamp from the model, or deleted from what the mapping sends.',
    },
  ];
}

/** The state dataset exists when this settles, or its absence shows at the next statement. */
export async function ensureStateDataset(context: Context, config: SourceConfig, signal?: AbortSignal): Promise<void> {
  const { source, stateDataset } = context;
  const found = await source.dataset(stateDataset, signal).catch(unlessForbidden);
  if (found !== undefined && found !== 'forbidden') {
    if (found.location.toLowerCase() === config.location.toLowerCase()) return;
    throw new AppError(
      `The state dataset is in the location ${found.location}, but the source's Data Location is ${config.location}`,
      {
        code: 'LOCATION_MISMATCH',
        kind: 'invalid',
        where: `dataset ${config.projectId}.${stateDataset}`,
        fix: `Set the source's location to ${found.location}, or choose another state dataset; both must be where the models' tables are.`,
      },
    );
  }
  const created = await source.createDataset(stateDataset, signal).catch(unlessForbidden);
  // A dataset that may not be looked at (without bigquery.datasets.get) may be there and usable.
  if (created !== 'forbidden' || found === 'forbidden') return;
  const grant = stateDatasetGrant(config, stateDataset);
  throw new AppError(`The state dataset does not exist and may not be created (bigquery.datasets.create)`, {
    code: 'STATE_DATASET_MISSING',
    kind: 'forbidden',
    origin: 'source',
    where: `dataset ${config.projectId}.${stateDataset}`,
    fix: `Create it and grant access to it: ${grant}`,
  });
}

/** False only when the state dataset is known not to exist. */
export async function hasStateDataset({ source, stateDataset }: Context, signal?: AbortSignal): Promise<boolean> {
  return (await source.dataset(stateDataset, signal).catch(unlessForbidden)) !== undefined;
}

/** The statements with which a customer makes the state dataset and grants access to it. */
export function stateDatasetGrant(config: SourceConfig, stateDataset: string): string {
  const name = `\`${config.projectId}\`.${stateDataset}`;
  return (
    `CREATE SCHEMA IF NOT EXISTS ${name} OPTIONS(location='${config.location}'); ` +
    `GRANT \`roles/bigquery.dataEditor\` ON SCHEMA ${name} TO "serviceAccount:${config.credentials.client_email}";`
  );
}

function unlessForbidden(thrown: unknown): 'forbidden' {
  if (thrown instanceof AppError && thrown.kind === 'forbidden') return 'forbidden';
  throw thrown;
}
