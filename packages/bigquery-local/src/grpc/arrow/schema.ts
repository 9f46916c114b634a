// The Arrow schema of a read session.
// Source: "Arrow schema details" of BigQuery's Storage Read API; the extension names are
// those that BigQuery writes into the metadata of a field.
import {
  Binary,
  Bool,
  DateDay,
  Decimal,
  Field,
  Float64,
  Int64,
  IntervalMonthDayNano,
  List,
  Schema,
  Struct,
  TimeMicrosecond,
  TimestampMicrosecond,
  Utf8,
  type DataType,
} from 'apache-arrow';
import { Message } from 'apache-arrow/ipc/metadata/message';
import type { ReadColumn } from '../read-column.ts';
import { encapsulated } from './record-batch.ts';

/** The schema as an encapsulated message of Arrow's IPC format. */
export function serializedSchema(columns: readonly ReadColumn[]): Uint8Array {
  const metadata = Message.encode(Message.from(new Schema(columns.map(fieldOf))));
  return encapsulated(metadata, 0, () => undefined);
}

function fieldOf(column: ReadColumn): Field {
  const type = typeOf(column);
  if (!column.repeated) return new Field(column.name, type, !column.required, extensionOf(column));
  return new Field(column.name, new List(new Field('item', type, true, extensionOf(column))), false);
}

function typeOf(column: ReadColumn): DataType {
  switch (column.type) {
    case 'INT64':
      return new Int64();
    case 'FLOAT64':
      return new Float64();
    case 'BOOL':
      return new Bool();
    case 'STRING':
    case 'JSON':
    case 'GEOGRAPHY':
      return new Utf8();
    case 'BYTES':
      return new Binary();
    case 'DATE':
      return new DateDay();
    case 'TIME':
      return new TimeMicrosecond();
    case 'DATETIME':
      return new TimestampMicrosecond();
    case 'TIMESTAMP':
      return new TimestampMicrosecond('UTC');
    case 'NUMERIC':
      return new Decimal(9, 38, 128);
    case 'BIGNUMERIC':
      return new Decimal(38, 76, 256);
    case 'INTERVAL':
      return new IntervalMonthDayNano();
    case 'STRUCT':
    case 'RANGE':
      return new Struct(column.fields.map(fieldOf));
  }
}

function extensionOf({ type }: ReadColumn): Map<string, string> | undefined {
  switch (type) {
    case 'DATETIME':
    case 'JSON':
      return new Map([['ARROW:extension:name', `google:sqlType:${type.toLowerCase()}`]]);
    case 'GEOGRAPHY':
      return new Map([
        ['ARROW:extension:name', 'google:sqlType:geography'],
        ['ARROW:extension:metadata', '{"encoding": "WKT"}'],
      ]);
    default:
      return undefined;
  }
}
