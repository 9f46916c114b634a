// Preview: the model's query as it is, its columns and first rows.
import { placed, validateModel } from '../model/model.ts';
import { BigQuerySource } from '../source/bigquery/bigquery.ts';
import type { CallOptions, ModelConfig, Preview, SourceConfig } from './api.ts';

const PREVIEW_ROWS = 10;
const PREVIEW_TIMEOUT_MS = 10 * 60_000;

export async function preview(config: SourceConfig, model: ModelConfig, options: CallOptions): Promise<Preview> {
  const source = new BigQuerySource(config);
  const valid = await validateModel(source, model, options.signal);
  try {
    const answer = await source.query({
      step: 'preview',
      sql: valid.sql,
      maxRows: PREVIEW_ROWS,
      timeoutMs: PREVIEW_TIMEOUT_MS,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    return { columns: valid.columns, rows: answer.rows, bytesProcessed: answer.bytesProcessed };
  } catch (thrown) {
    throw placed(thrown, model);
  }
}
