// Preview: the model's query as it is, its columns and first rows.
import { placed, validateModel } from '../model/model.ts';
import { BigQuerySource } from '../source/bigquery/bigquery.ts';
import type { CallOptions, ModelColumns, ModelConfig, Preview, SourceConfig } from './api.ts';

/** The columns of a model and what its query would read, by a dry run: nothing is read. */
export async function describe(config: SourceConfig, model: ModelConfig, options: CallOptions): Promise<ModelColumns> {
  const valid = await validateModel(new BigQuerySource(config), model, options.signal);
  const { columns, key, timestamp, bytesProcessed } = valid;
  return {
    columns,
    key: key.name,
    ...(timestamp === undefined ? {} : { timestamp: timestamp.name }),
    bytesEstimated: bytesProcessed,
  };
}

const PREVIEW_ROWS = 10;
const PREVIEW_TIMEOUT_MS = 10 * 60_000;

export async function preview(config: SourceConfig, model: ModelConfig, options: CallOptions): Promise<Preview> {
  const source = new BigQuerySource(config);
  const valid = await validateModel(source, model, options.signal);
  try {
    const answer = await source.query({
      step: 'preview',
      sql: valid.sql,
      useCache: true,
      maxRows: PREVIEW_ROWS,
      timeoutMs: PREVIEW_TIMEOUT_MS,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    const { rows, bytesProcessed, cacheHit: cached } = answer;
    return { columns: valid.columns, rows, bytesProcessed, cached };
  } catch (thrown) {
    throw placed(thrown, model);
  }
}
