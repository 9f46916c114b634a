// Runs the plan's SQL: into a frozen table for a sync, or for its figures only.
import { AppError } from '@sluice/core';
import type { Operation } from '@sluice/core';
import { limitsOf, placed } from '../model/model.ts';
import type { ValidModel } from '../model/model.ts';
import type { MappingConfig, PlannedChange } from '../run/api.ts';
import type { Source, TableRef } from '../source/source.ts';
import { DEFAULT_GUARDS } from './guards.ts';
import { planSql, summarySql, watermarkSql } from './plan-sql.ts';
import { PLAN_LIFETIME_MS } from './state-tables.ts';
import type { StateTables } from './state-tables.ts';
import { figuresOf, samplesOf } from './summary.ts';
import type { PlanFigures } from './summary.ts';

type PlanInput = {
  readonly source: Source;
  readonly tables: StateTables;
  readonly mapping: MappingConfig;
  readonly model: ValidModel;
  readonly mapped: ReadonlySet<string> | 'all';
  readonly version: string;
  /** Where an incremental model goes on; undefined reads all of it. */
  readonly since: string | undefined;
  readonly signal: AbortSignal;
};

export type FrozenPlan = {
  readonly figures: PlanFigures;
  readonly bytesProcessed: number;
  /** False when the account may not let the plan's table expire. */
  readonly expires: boolean;
  /** Of an incremental model: up to where it is dealt with once all changes are. */
  readonly watermark: string | undefined;
};

/** Key of the plan's job, so that a run that takes over can stop it. */
export function planJobKey(mappingId: string, syncId: string): string {
  return `${mappingId}_${syncId}_plan`;
}

/** Evaluates the model once and freezes its changes in the plan table of the sync. */
export async function freezePlan(
  input: PlanInput & { readonly syncId: string; readonly rejects: TableRef | undefined },
): Promise<FrozenPlan> {
  const { source, tables, mapping, syncId, signal } = input;
  guardBytes(input);
  const plan = tables.plan(syncId);
  const planned = await source
    .query({
      step: 'plan',
      jobKey: planJobKey(mapping.id, syncId),
      labels: { sluice_mapping: mapping.id, sluice_sync: syncId },
      sql: planSql({
        ...sqlInput(input),
        records: tables.records,
        rejects: input.rejects,
        keepValues: mapping.keepValues === true,
      }),
      destination: plan,
      mayWait: true,
      maxRows: 0,
      signal,
      maxBytesBilled: maxBytesBilled(mapping),
    })
    .catch((thrown: unknown): never => {
      throw signal.aborted ? thrown : placed(thrown, mapping.model);
    });
  const expires = await source.expireTable(plan, PLAN_LIFETIME_MS, signal);
  const summary = await source.query({ step: 'summary', sql: summarySql({ plan, records: undefined }), signal });
  // From the table's metadata, which cost nothing.
  const known = (await source.rowCount(tables.records, signal)) ?? 0;
  const { timestamp } = input.model;
  const mark =
    timestamp === undefined
      ? undefined
      : await source.query({ step: 'watermark', sql: watermarkSql(plan, timestamp, input.since), signal });
  const watermark = mark?.rows[0]?.['watermark'];
  return {
    figures: completed(figuresOf(summary.rows, known), input),
    bytesProcessed: planned.bytesProcessed + summary.bytesProcessed + (mark?.bytesProcessed ?? 0),
    expires,
    watermark: typeof watermark === 'string' ? watermark : undefined,
  };
}

/** What the figures of the plan's rows do not tell by themselves. */
export function completed(figures: PlanFigures, { model, mapping }: Pick<PlanInput, 'model' | 'mapping'>): PlanFigures {
  return {
    ...figures,
    ...(model.timestamp === undefined ? {} : { incremental: true }),
    ...(figures.changes < limitsOf(mapping.model).recordsPerSync ? {} : { capped: true }),
  };
}

function maxBytesBilled(mapping: MappingConfig): number {
  return mapping.guards?.maxBytesBilled ?? DEFAULT_GUARDS.maxBytesBilled;
}

/** The dry run knows the cost before the query does; the job has the limit beside. */
function guardBytes({ mapping, model }: PlanInput): void {
  const limit = maxBytesBilled(mapping);
  if (model.bytesProcessed <= limit) return;
  throw new AppError(
    `Model ${mapping.model.name} would read ${model.bytesProcessed} bytes; at most ${limit} are allowed (guard maxBytesBilled)`,
    {
      code: 'BYTES_LIMIT_EXCEEDED',
      kind: 'limited',
      where: mapping.model.place ?? `model ${mapping.model.name}`,
      fix: 'Raise guards.max_bytes_billed of the mapping, or make the query read less.',
      details: { estimated: model.bytesProcessed, maxBytesBilled: limit },
    },
  );
}

/** The figures and a sample of the plan that a sync would freeze now; nothing is written. */
export async function tryPlan(
  input: PlanInput & {
    readonly records: TableRef | undefined;
    readonly rejects: TableRef | undefined;
    readonly sampleSize: number;
  },
): Promise<{ figures: PlanFigures; sample: PlannedChange[]; bytesProcessed: number }> {
  const { source, mapping, model, records, rejects, signal } = input;
  guardBytes(input);
  // The sample tells which columns changed by comparing JSON texts, so both are carried.
  const plan = planSql({ ...sqlInput(input), records, rejects, keepValues: true });
  const answer = await source
    .query({
      step: 'try_plan',
      labels: { sluice_mapping: mapping.id },
      sql: summarySql({ plan, records, sample: { columns: model.columns, size: input.sampleSize } }),
      signal,
      maxBytesBilled: maxBytesBilled(mapping),
    })
    .catch((thrown: unknown): never => {
      throw signal.aborted ? thrown : placed(thrown, mapping.model);
    });
  return {
    figures: completed(figuresOf(answer.rows), input),
    sample: samplesOf(answer.rows, model.columns, new Set<Operation>(mapping.operations)),
    bytesProcessed: answer.bytesProcessed,
  };
}

function sqlInput(input: PlanInput): Omit<Parameters<typeof planSql>[0], 'records' | 'rejects' | 'keepValues'> {
  const limits = limitsOf(input.mapping.model);
  const { timestamp } = input.model;
  return {
    ...(timestamp === undefined ? {} : { incremental: { column: timestamp, since: input.since } }),
    maxRecordBytes: limits.recordBytes,
    maxColumnBytes: limits.columnBytes,
    maxChanges: limits.recordsPerSync,
    modelSql: input.model.sql,
    columns: input.model.columns,
    key: input.model.key,
    mapped: input.mapped,
    version: input.version,
  };
}
