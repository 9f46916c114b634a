// What a sync would send now. Nothing is sent and no lease taken; unless the plan is to be
// saved, it only reads.
import { OPERATIONS } from '@sluice/core';
import { validateModel } from '../model/model.ts';
import type { ValidModel } from '../model/model.ts';
import { guardPlan } from '../plan/guards.ts';
import { keyWarning } from '../plan/key-warning.ts';
import { tryPlan } from '../plan/make-plan.ts';
import { mappingVersion } from '../plan/mapping-version.ts';
import type { TableRef } from '../source/source.ts';
import type { PlanFigures } from '../plan/summary.ts';
import type { MappingConfig, PlannedChange, PlanOptions, PlanSummary, SourceConfig } from './api.ts';
import { readCheckpoint } from './checkpoint.ts';
import { destinationSpec, hasStateDataset, openContext, validateDestination } from './context.ts';
import { readPlan, savePlan } from './saved-plans.ts';
import { sinceOf } from './watermark.ts';

const SAMPLE = { default: 5, max: 100 } as const;
/** Rows of a saved plan that are looked through for samples, in multiples of the sample's size. */
const SAMPLED_PAGES = 20;

export async function previewPlan(
  config: SourceConfig,
  mapping: MappingConfig,
  options: PlanOptions,
): Promise<PlanSummary> {
  const context = openContext(config, mapping);
  const { source, tables } = context;
  const signal = options.signal ?? new AbortController().signal;
  const model = await validateModel(source, mapping.model, signal);
  const warnings = validateDestination(options.registry, mapping, model);
  const hasState = await hasStateDataset(context, signal);
  const existing = async (ref: TableRef): Promise<TableRef | undefined> =>
    hasState && (await source.rowCount(ref, signal)) !== undefined ? ref : undefined;
  const sampleSize = Math.min(Math.max(1, options.sampleSize ?? SAMPLE.default), SAMPLE.max);
  const version = mappingVersion(mapping);
  const about = { mapping: mapping.name, model: mapping.model.name, columns: model.columns, warnings };
  if (options.save === true) {
    const { planId, stored, bytesProcessed } = await savePlan(config, mapping, options);
    const page = await readPlan(config, mapping, planId, { signal, pageSize: sampleSize * SAMPLED_PAGES });
    return {
      ...about,
      ...summaryOf(stored.figures, mapping, model),
      ...withKeyWarning(about, stored.figures, model),
      planId,
      bytesProcessed,
      sample: firstOfEach(page.changes, sampleSize),
    };
  }
  const [records, rejects] = await Promise.all([existing(tables.records), existing(tables.rejects)]);
  const seen = hasState ? await readCheckpoint(source, tables.checkpoints, signal) : undefined;
  const { figures, sample, bytesProcessed } = await tryPlan({
    source,
    tables,
    mapping,
    model,
    mapped: options.registry.columns(destinationSpec(mapping, 'plan')),
    version,
    since: sinceOf(seen?.watermark, model, version),
    records,
    rejects,
    sampleSize,
    signal,
  });
  return {
    ...about,
    ...summaryOf(figures, mapping, model),
    ...withKeyWarning(about, figures, model),
    sample,
    bytesProcessed,
  };
}

function summaryOf(
  figures: PlanFigures,
  mapping: MappingConfig,
  model: ValidModel,
): Pick<PlanSummary, 'counts' | 'invalid' | 'guards' | 'bytesEstimated' | 'incremental' | 'capped'> {
  return {
    counts: figures.counts,
    invalid: figures.invalid,
    guards: guardPlan(figures, mapping.guards),
    bytesEstimated: model.bytesProcessed,
    ...(figures.incremental === undefined ? {} : { incremental: figures.incremental }),
    ...(figures.capped === undefined ? {} : { capped: figures.capped }),
  };
}

function withKeyWarning(
  { warnings }: Pick<PlanSummary, 'warnings'>,
  figures: PlanFigures,
  { key }: ValidModel,
): Pick<PlanSummary, 'warnings'> {
  const about = keyWarning(figures, key.name);
  return { warnings: about === undefined ? warnings : [...warnings, about] };
}

function firstOfEach(changes: readonly PlannedChange[], size: number): PlannedChange[] {
  return OPERATIONS.flatMap((operation) => changes.filter((change) => change.operation === operation).slice(0, size));
}
