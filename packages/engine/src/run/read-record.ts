// One record of a model, by its identifier, with the values that a plan would hold.
import type { JsonObject } from '@sluice/core';
import { placed, validateModel } from '../model/model.ts';
import { COLUMN_PREFIX, identifier } from '../plan/plan-sql.ts';
import { BigQuerySource } from '../source/bigquery/bigquery.ts';
import type { ModelConfig, ReadRecordOptions, RecordRead, SourceConfig } from './api.ts';

const TIMEOUT_MS = 10 * 60_000;

export async function readOneRecord(
  config: SourceConfig,
  model: ModelConfig,
  { recordId, signal }: ReadRecordOptions,
): Promise<RecordRead> {
  const source = new BigQuerySource(config);
  const valid = await validateModel(source, model, signal);
  const id = identifier(valid.key);
  const columns = valid.columns.map(({ name }) => `,\n  m.\`${name}\` AS \`${COLUMN_PREFIX}${name}\``).join('');
  try {
    const answer = await source.query({
      step: 'record',
      sql: `WITH sluice_model AS (\n${valid.sql}\n)\nSELECT\n  ${id} AS record_id${columns}\nFROM sluice_model AS m\nWHERE ${
        recordId === undefined ? `${id} IS NOT NULL` : `${id} = @record`
      }\nLIMIT 1`,
      ...(recordId === undefined ? {} : { params: { record: { type: 'STRING', value: recordId } } }),
      maxRows: 1,
      timeoutMs: TIMEOUT_MS,
      ...(signal === undefined ? {} : { signal }),
    });
    const [row] = answer.rows;
    const { bytesProcessed } = answer;
    if (row === undefined) return { columns: valid.columns, change: undefined, bytesProcessed };
    const values: JsonObject = {};
    for (const { name } of valid.columns) values[name] = row[`${COLUMN_PREFIX}${name}`] ?? null;
    const change = {
      ordinal: 0,
      operation: 'added',
      recordId: row['record_id'] as string,
      checksum: 'test-record',
      columns: values,
    } as const;
    return { columns: valid.columns, change, bytesProcessed };
  } catch (thrown) {
    throw placed(thrown, model);
  }
}
