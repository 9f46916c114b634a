// What a sync would send now. Reads only: no lease, no table, nothing sent.
import { validateModel } from '../model/model.ts';
import { guardPlan } from '../plan/guards.ts';
import { tryPlan } from '../plan/make-plan.ts';
import { mappingVersion } from '../plan/mapping-version.ts';
import type { TableRef } from '../source/source.ts';
import type { MappingConfig, PlanOptions, PlanSummary, SourceConfig } from './api.ts';
import { destinationSpec, hasStateDataset, openContext, validateDestination } from './context.ts';

const SAMPLE = { default: 5, max: 100 } as const;

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
  const [records, rejects] = await Promise.all([existing(tables.records), existing(tables.rejects)]);
  const { figures, sample, bytesProcessed } = await tryPlan({
    source,
    tables,
    mapping,
    model,
    mapped: options.registry.columns(destinationSpec(mapping, 'plan')),
    version: mappingVersion(mapping),
    records,
    rejects,
    sampleSize: Math.min(Math.max(1, options.sampleSize ?? SAMPLE.default), SAMPLE.max),
    signal,
  });
  return {
    mapping: mapping.name,
    model: mapping.model.name,
    columns: model.columns,
    counts: figures.counts,
    sample,
    invalid: figures.invalid,
    guards: guardPlan(figures, mapping.guards),
    bytesProcessed,
    warnings,
  };
}
