// Runs the plan's SQL: into a frozen table for a sync, or for its figures only.
import type { Operation } from '@sluice/core';
import { placed } from '../model/model.ts';
import type { ValidModel } from '../model/model.ts';
import type { MappingConfig, PlannedChange } from '../run/api.ts';
import type { Source, TableRef } from '../source/source.ts';
import { planSql, summarySql } from './plan-sql.ts';
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
  readonly signal: AbortSignal;
};

/** Key of the plan's job, so that a run that takes over can stop it. */
export function planJobKey(mappingId: string, syncId: string): string {
  return `${mappingId}_${syncId}_plan`;
}

/** Evaluates the model once and freezes its changes in the plan table of the sync. */
export async function freezePlan(
  input: PlanInput & { readonly syncId: string; readonly rejects: TableRef | undefined },
): Promise<{ figures: PlanFigures; bytesProcessed: number; expires: boolean }> {
  const { source, tables, mapping, syncId, signal } = input;
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
      maxRows: 0,
      signal,
      ...(mapping.guards?.maxBytesBilled === undefined ? {} : { maxBytesBilled: mapping.guards.maxBytesBilled }),
    })
    .catch((thrown: unknown): never => {
      throw signal.aborted ? thrown : placed(thrown, mapping.model);
    });
  const expires = await source.expireTable(plan, PLAN_LIFETIME_MS, signal);
  const summary = await source.query({ step: 'summary', sql: summarySql({ plan, records: tables.records }), signal });
  return {
    figures: figuresOf(summary.rows),
    bytesProcessed: planned.bytesProcessed + summary.bytesProcessed,
    expires,
  };
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
  // The sample tells which columns changed by comparing JSON texts, so both are carried.
  const plan = planSql({ ...sqlInput(input), records, rejects, keepValues: true });
  const answer = await source
    .query({
      step: 'try_plan',
      labels: { sluice_mapping: mapping.id },
      sql: summarySql({ plan, records, sample: { columns: model.columns, size: input.sampleSize } }),
      signal,
      ...(mapping.guards?.maxBytesBilled === undefined ? {} : { maxBytesBilled: mapping.guards.maxBytesBilled }),
    })
    .catch((thrown: unknown): never => {
      throw signal.aborted ? thrown : placed(thrown, mapping.model);
    });
  return {
    figures: figuresOf(answer.rows),
    sample: samplesOf(answer.rows, model.columns, new Set<Operation>(mapping.operations)),
    bytesProcessed: answer.bytesProcessed,
  };
}

function sqlInput(input: PlanInput): Omit<Parameters<typeof planSql>[0], 'records' | 'rejects' | 'keepValues'> {
  return {
    modelSql: input.model.sql,
    columns: input.model.columns,
    key: input.model.key,
    mapped: input.mapped,
    version: input.version,
  };
}
