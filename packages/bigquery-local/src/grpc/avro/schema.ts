// The Avro schema of a read session, as JSON.
// Source: "Avro schema details" of BigQuery's Storage Read API.
import type { ReadColumn } from '../read-column.ts';

type AvroType = string | { readonly [key: string]: unknown } | readonly AvroType[];

export function avroSchema(columns: readonly ReadColumn[]): string {
  let records = 0;
  const nextName = (): string => `__s_${records++}`;
  return JSON.stringify({ type: 'record', name: '__root__', fields: fieldsOf(columns, nextName) });
}

function fieldsOf(columns: readonly ReadColumn[], nextName: () => string): readonly object[] {
  return columns.map((column) => ({ name: column.name, type: typeOf(column, nextName) }));
}

function typeOf(column: ReadColumn, nextName: () => string): AvroType {
  const type = scalarOf(column, nextName);
  if (column.repeated) return { type: 'array', items: type };
  return column.required ? type : ['null', type];
}

function scalarOf(column: ReadColumn, nextName: () => string): AvroType {
  switch (column.type) {
    case 'INT64':
      return 'long';
    case 'FLOAT64':
      return 'double';
    case 'BOOL':
      return 'boolean';
    case 'STRING':
      return 'string';
    case 'BYTES':
      return 'bytes';
    case 'JSON':
    case 'GEOGRAPHY':
    case 'DATETIME':
    case 'INTERVAL':
      return { type: 'string', sqlType: column.type };
    case 'DATE':
      return { type: 'int', logicalType: 'date' };
    case 'TIME':
      return { type: 'long', logicalType: 'time-micros' };
    case 'TIMESTAMP':
      return { type: 'long', logicalType: 'timestamp-micros' };
    case 'NUMERIC':
      return { type: 'bytes', logicalType: 'decimal', precision: 38, scale: 9 };
    case 'BIGNUMERIC':
      return { type: 'bytes', logicalType: 'decimal', precision: 77, scale: 38 };
    case 'STRUCT':
      return { type: 'record', name: nextName(), fields: fieldsOf(column.fields, nextName) };
    case 'RANGE':
      return {
        type: 'record',
        name: nextName(),
        sqlType: 'RANGE',
        fields: fieldsOf(column.fields, nextName),
      };
  }
}
