// A table's options, and the CREATE statement that would make it again, as the `ddl` column shows it.
import type { FieldSchema } from '../../catalog/schema.ts';
import type { Table, TableKind, TableProperties } from '../../catalog/tables.ts';
import {
  describedOptions,
  floatLiteral,
  optionsClause,
  stringLiteral,
  timestampLiteral,
  type OptionRow,
} from './option-text.ts';

const DAY_MS = 86_400_000;

export function tableOptionRows(table: Table): OptionRow[] {
  const { timePartitioning, requirePartitionFilter, materializedView } = table.properties;
  const required = requirePartitionFilter === true || timePartitioning?.requirePartitionFilter === true;
  return [
    ...(table.expirationMs === undefined
      ? []
      : [{ name: 'expiration_timestamp', type: 'TIMESTAMP', value: timestampLiteral(table.expirationMs) }]),
    ...(timePartitioning?.expirationMs === undefined
      ? []
      : [
          {
            name: 'partition_expiration_days',
            type: 'FLOAT64',
            value: floatLiteral(Number(timePartitioning.expirationMs) / DAY_MS),
          },
        ]),
    ...(required ? [{ name: 'require_partition_filter', type: 'BOOL', value: 'true' }] : []),
    ...(materializedView?.enableRefresh === undefined
      ? []
      : [{ name: 'enable_refresh', type: 'BOOL', value: String(materializedView.enableRefresh) }]),
    ...(materializedView?.refreshIntervalMs === undefined
      ? []
      : [
          {
            name: 'refresh_interval_minutes',
            type: 'FLOAT64',
            value: floatLiteral(Number(materializedView.refreshIntervalMs) / 60_000),
          },
        ]),
    ...describedOptions(table.properties),
  ];
}

const OBJECTS: Readonly<Record<TableKind, string>> = {
  TABLE: 'TABLE',
  VIEW: 'VIEW',
  MATERIALIZED_VIEW: 'MATERIALIZED VIEW',
  SNAPSHOT: 'SNAPSHOT TABLE',
};

export function tableDdl(table: Table): string {
  const { ref, kind, properties } = table;
  const head = `CREATE ${OBJECTS[kind]} ${quotedName(ref)}`;
  const options = optionsClause(tableOptionRows(table));
  switch (kind) {
    case 'VIEW':
      return `${head}${options}\nAS ${properties.view?.query ?? ''};`;
    case 'MATERIALIZED_VIEW':
      return `${head}${layoutClauses(properties)}${options}\nAS ${properties.materializedView?.query ?? ''};`;
    case 'SNAPSHOT': {
      const base = properties.snapshotDefinition;
      return `${head}${base === undefined ? '' : `\nCLONE ${quotedName(base.baseTableReference)}`}${options};`;
    }
    case 'TABLE': {
      const items = [...properties.schema.fields.map((field) => `  ${columnText(field)}`), ...keyClauses(properties)];
      return `${head}\n(\n${items.join(',\n')}\n)${layoutClauses(properties)}${options};`;
    }
  }
}

function quotedName(ref: { readonly projectId: string; readonly datasetId: string; readonly tableId: string }): string {
  return `\`${ref.projectId}.${ref.datasetId}.${ref.tableId}\``;
}

/** GoogleSQL's type of a field: `ARRAY<STRUCT<a INT64, b STRING(10)>>`. */
export function typeText(field: FieldSchema): string {
  const type = elementText(field);
  return field.mode === 'REPEATED' ? `ARRAY<${type}>` : type;
}

const STANDARD: Readonly<Record<string, string>> = { INTEGER: 'INT64', FLOAT: 'FLOAT64', BOOLEAN: 'BOOL' };

function elementText(field: FieldSchema): string {
  const { type, fields, maxLength, precision, scale } = field;
  if (type === 'RECORD' || type === 'STRUCT')
    return `STRUCT<${(fields ?? []).map((child) => `${child.name} ${typeText(child)}`).join(', ')}>`;
  const name = STANDARD[type] ?? type;
  if (maxLength !== undefined) return `${name}(${maxLength})`;
  if (precision !== undefined) return `${name}(${precision}${scale === undefined ? '' : `, ${scale}`})`;
  return name;
}

function columnText(field: FieldSchema): string {
  const { name, defaultValueExpression, mode, description } = field;
  return [
    /^[A-Za-z_]\w*$/.test(name) ? name : `\`${name}\``,
    typeText(field),
    ...(defaultValueExpression === undefined ? [] : [`DEFAULT ${defaultValueExpression}`]),
    ...(mode === 'REQUIRED' ? ['NOT NULL'] : []),
    ...(description === undefined ? [] : [`OPTIONS(description=${stringLiteral(description)})`]),
  ].join(' ');
}

function keyClauses({ tableConstraints }: TableProperties): string[] {
  const { primaryKey, foreignKeys = [] } = tableConstraints ?? {};
  return [
    ...(primaryKey === undefined ? [] : [`  PRIMARY KEY (${primaryKey.columns.join(', ')}) NOT ENFORCED`]),
    ...foreignKeys.map(({ name, referencedTable, columnReferences }) => {
      const own = columnReferences.map((c) => c.referencingColumn).join(', ');
      const theirs = columnReferences.map((c) => c.referencedColumn).join(', ');
      return `  CONSTRAINT \`${name}\` FOREIGN KEY (${own}) REFERENCES ${quotedName(referencedTable)}(${theirs}) NOT ENFORCED`;
    }),
  ];
}

function layoutClauses({ timePartitioning, rangePartitioning, clustering, schema }: TableProperties): string {
  const clustered = clustering === undefined ? '' : `\nCLUSTER BY ${clustering.fields.join(', ')}`;
  if (rangePartitioning !== undefined) {
    const { field, range } = rangePartitioning as {
      field: string;
      range: { start: string; end: string; interval: string };
    };
    return `\nPARTITION BY RANGE_BUCKET(${field}, GENERATE_ARRAY(${range.start}, ${range.end}, ${range.interval}))${clustered}`;
  }
  if (timePartitioning === undefined) return clustered;
  const { type, field } = timePartitioning;
  return `\nPARTITION BY ${timeExpression(type, field, schema.fields)}${clustered}`;
}

function timeExpression(unit: string, field: string | undefined, fields: readonly FieldSchema[]): string {
  if (field === undefined) return unit === 'DAY' ? '_PARTITIONDATE' : `TIMESTAMP_TRUNC(_PARTITIONTIME, ${unit})`;
  const type = fields.find(({ name }) => name.toLowerCase() === field.toLowerCase())?.type;
  if (type === 'DATE') return unit === 'DAY' ? field : `DATE_TRUNC(${field}, ${unit})`;
  return unit === 'DAY' ? `DATE(${field})` : `${type ?? 'TIMESTAMP'}_TRUNC(${field}, ${unit})`;
}
