// The tables in the state dataset: names, columns, and what they are for. This is the
// format of everything that correctness needs; see the sync protocol in the architecture.
import { AppError } from '@sluice/core';
import type { NewTable, TableRef } from '../source/source.ts';

export const DEFAULT_STATE_DATASET = '__segment_reverse_etl';

/** Frozen plans and their outcomes are dropped by the warehouse after this time. */
export const PLAN_LIFETIME_MS = 14 * 24 * 60 * 60 * 1000;

export type StateTables = {
  /** What the destination has: one row per record that was sent. */
  readonly records: TableRef;
  /** One row: the last committed sync, the lease, and the sync under way. */
  readonly checkpoints: TableRef;
  /** Changes that the destination refused, until they are delivered or gone. */
  readonly rejects: TableRef;
  /** One row per sync of any mapping, and, where the mapping asks for it, one per rejected row. */
  readonly log: TableRef;
  /** Plans that were saved and neither applied nor discarded. */
  readonly plans: TableRef;
  /** The frozen plan of one sync. */
  plan(syncId: string): TableRef;
  /** What became of the changes of one sync, as ranges of ordinals. */
  outcomes(syncId: string): TableRef;
};

export const RECORDS: NewTable = {
  columns: [
    { name: 'record_id', type: 'STRING' },
    { name: 'checksum', type: 'STRING' },
    { name: 'sent', type: 'STRING' },
  ],
  clusterBy: ['record_id'],
};

export const REJECTS: NewTable = {
  columns: [
    { name: 'record_id', type: 'STRING' },
    { name: 'checksum', type: 'STRING' },
    { name: 'operation', type: 'STRING' },
    { name: 'attempts', type: 'INT64' },
    { name: 'first_time', type: 'TIMESTAMP' },
    { name: 'last_time', type: 'TIMESTAMP' },
    { name: 'code', type: 'STRING' },
    { name: 'message', type: 'STRING' },
    { name: 'sync_id', type: 'STRING' },
  ],
  clusterBy: ['record_id'],
};

export const PLANS: NewTable = {
  columns: [
    { name: 'plan_id', type: 'STRING' },
    { name: 'planned_at', type: 'TIMESTAMP' },
    { name: 'version', type: 'STRING' },
    { name: 'progress', type: 'STRING' },
  ],
};

export const OUTCOMES: NewTable = {
  columns: [
    { name: 'first', type: 'INT64' },
    { name: 'last', type: 'INT64' },
    { name: 'outcome', type: 'STRING' },
    { name: 'code', type: 'STRING' },
    { name: 'message', type: 'STRING' },
  ],
  expiresInMs: PLAN_LIFETIME_MS,
};

export const LOG: NewTable = {
  columns: [
    { name: 'sync_id', type: 'STRING' },
    { name: 'mapping_id', type: 'STRING' },
    { name: 'mapping', type: 'STRING' },
    { name: 'model', type: 'STRING' },
    { name: 'destination', type: 'STRING' },
    { name: 'state', type: 'STRING' },
    { name: 'started_at', type: 'TIMESTAMP' },
    { name: 'finished_at', type: 'TIMESTAMP' },
    { name: 'added', type: 'INT64' },
    { name: 'updated', type: 'INT64' },
    { name: 'deleted', type: 'INT64' },
    { name: 'delivered', type: 'INT64' },
    { name: 'rejected', type: 'INT64' },
    { name: 'deferred', type: 'INT64' },
    { name: 'invalid', type: 'INT64' },
    { name: 'report', type: 'STRING' },
    // Of a rejected row only; NULL for the sync itself.
    { name: 'record_id', type: 'STRING' },
    { name: 'operation', type: 'STRING' },
    { name: 'code', type: 'STRING' },
    { name: 'message', type: 'STRING' },
  ],
};

/** Throws when the dataset or the mapping's id cannot be part of a table name. */
export function stateTables(projectId: string, datasetId: string, mappingId: string): StateTables {
  if (!/^[A-Za-z0-9_]{1,64}$/.test(mappingId)) {
    throw new AppError(`The mapping id "${mappingId}" cannot name tables`, {
      code: 'MAPPING_ID_INVALID',
      kind: 'invalid',
      where: `mapping ${mappingId}`,
      fix: 'Use 1 to 64 letters, digits and underscores.',
    });
  }
  if (!/^[A-Za-z0-9_]{1,1024}$/.test(datasetId)) {
    throw new AppError(`"${datasetId}" is not a dataset name`, {
      code: 'STATE_DATASET_INVALID',
      kind: 'invalid',
      where: 'state dataset of the source',
      fix: 'Use letters, digits and underscores.',
    });
  }
  if (!/^[a-z0-9.:-]{1,128}$/.test(projectId)) {
    throw new AppError(`"${projectId}" is not a project id`, {
      code: 'PROJECT_INVALID',
      kind: 'invalid',
      where: 'project of the source',
      fix: 'Use the project id of Google Cloud (lower-case letters, digits and dashes), not its name or number.',
    });
  }
  const named = (tableId: string): TableRef => ({ projectId, datasetId, tableId });
  return {
    records: named(`records_${mappingId}`),
    checkpoints: named(`checkpoints_${mappingId}`),
    rejects: named(`rejects_${mappingId}`),
    log: named('sync_log'),
    plans: named(`plans_${mappingId}`),
    plan: (syncId) => named(`plan_${mappingId}_${syncId}`),
    outcomes: (syncId) => named(`outcomes_${mappingId}_${syncId}`),
  };
}

/** A table's name as GoogleSQL writes it. */
export function quoted(ref: TableRef): string {
  return `\`${ref.projectId}.${ref.datasetId}.${ref.tableId}\``;
}

/** A GoogleSQL string literal. */
export function literal(text: string): string {
  let escaped = '';
  for (const char of text) {
    const code = char.codePointAt(0) as number;
    if (char === '\\' || char === "'") escaped += `\\${char}`;
    else escaped += code < 32 || code === 127 ? `\\x${code.toString(16).padStart(2, '0')}` : char;
  }
  return `'${escaped}'`;
}
