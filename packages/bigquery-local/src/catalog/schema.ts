// Table schemas in BigQuery's JSON form (TableFieldSchema of the REST v2 reference).

export type FieldSchema = {
  readonly name: string;
  /** BigQuery's legacy names as the API returns them: STRING, BYTES, INTEGER, FLOAT, BOOLEAN, TIMESTAMP, DATE, TIME, DATETIME, NUMERIC, BIGNUMERIC, JSON, RECORD, INTERVAL, GEOGRAPHY, RANGE. */
  readonly type: string;
  readonly mode?: 'NULLABLE' | 'REQUIRED' | 'REPEATED';
  readonly fields?: readonly FieldSchema[];
  readonly description?: string;
  readonly maxLength?: string;
  readonly precision?: string;
  readonly scale?: string;
  /** `ROUND_HALF_AWAY_FROM_ZERO` or `ROUND_HALF_EVEN`, of NUMERIC and BIGNUMERIC. */
  readonly roundingMode?: string;
  /** `und:ci` of a STRING; absent where case matters. */
  readonly collation?: string;
  /** Of a RANGE: DATE, DATETIME or TIMESTAMP. */
  readonly rangeElementType?: { readonly type: string };
  readonly defaultValueExpression?: string;
};

export type TableSchema = { readonly fields: readonly FieldSchema[] };
