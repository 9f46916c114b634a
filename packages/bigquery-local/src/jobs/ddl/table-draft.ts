// The state of a table while the actions of one ALTER TABLE are applied to it: its fields,
// where each of them comes from in the stored table, its properties and its expiration.
import type { FieldSchema } from '../../catalog/schema.ts';
import { isColumnName } from '../../catalog/table-rules.ts';
import { nameOf, type Table, type TableProperties } from '../../catalog/tables.ts';
import { tokenize } from '../../googlesql/desugar/tokens.ts';
import type { AlterTableAction } from '../../googlesql/statement.ts';
import { typeName, type GType } from '../../googlesql/types.ts';
import { duckdbType } from '../../googlesql/values/physical.ts';
import { fieldOf, typeOfField } from '../../googlesql/values/schema.ts';
import { identifier } from '../../storage/duckdb.ts';
import { foreignKeyOf, futureMs, invalidQuery, withOptions } from './table-properties.ts';

/** `sql` gives the column over the stored table. */
type Draft = { readonly field: FieldSchema; readonly sql: string };

/** "ALTER COLUMN SET DATA TYPE": what each type may become. */
const WIDENINGS: Readonly<Record<string, readonly string[]>> = {
  INT64: ['NUMERIC', 'BIGNUMERIC', 'FLOAT64'],
  NUMERIC: ['BIGNUMERIC', 'FLOAT64'],
  BIGNUMERIC: ['FLOAT64'],
  DATE: ['DATETIME', 'TIMESTAMP'],
  DATETIME: ['TIMESTAMP'],
};

export class TableDraft {
  readonly #table: Table;
  readonly #filters: readonly string[];
  readonly #now: number;
  #columns: Draft[];
  #properties: TableProperties;
  /** Undefined: as it was. Null: never. */
  expirationMs: number | null | undefined;
  newTableId: string | undefined;
  /** Whether the rows have to be written again. */
  rewrites = false;

  /** `filters`: those of the table's row access policies. */
  constructor(table: Table, filters: readonly string[], now: number) {
    this.#table = table;
    this.#filters = filters;
    this.#now = now;
    this.#properties = table.properties;
    this.#columns = table.properties.schema.fields.map((field) => ({ field, sql: identifier(field.name) }));
  }

  get properties(): TableProperties {
    return { ...this.#properties, schema: { fields: this.fields } };
  }

  get fields(): readonly FieldSchema[] {
    return this.#columns.map(({ field }) => field);
  }

  /** The columns of the new table over the old one, in order. */
  get selectList(): string {
    return this.#columns.map(({ sql }) => sql).join(', ');
  }

  apply(action: AlterTableAction): void {
    switch (action.kind) {
      case 'set_options': {
        const { expirationMicros } = action.options;
        if (expirationMicros === null) this.expirationMs = null;
        else if (expirationMicros !== undefined) this.expirationMs = futureMs(expirationMicros, this.#now);
        this.#properties = withOptions(this.#properties, action.options);
        return;
      }
      case 'rename_to':
        this.newTableId = action.tableId;
        return;
      case 'add_column':
        this.#add(action.field, action.ifNotExists);
        return;
      case 'drop_column':
        this.#drop(action.column, action.ifExists);
        return;
      case 'rename_column':
        this.#rename(action.column, action.newName, action.ifExists);
        return;
      case 'column_description':
        this.#change(action, (field) => {
          const { description: _old, ...rest } = field;
          return action.description === null ? rest : { ...rest, description: action.description };
        });
        return;
      case 'column_default':
        this.#change(action, (field) => {
          const { defaultValueExpression: _old, ...rest } = field;
          return action.sql === undefined ? rest : { ...rest, defaultValueExpression: action.sql };
        });
        return;
      case 'drop_not_null':
        this.#change(action, (field) => {
          if (field.mode === 'REQUIRED') this.rewrites = true;
          return field.mode === 'REQUIRED' ? { ...field, mode: 'NULLABLE' } : field;
        });
        return;
      case 'column_type':
        this.#retype(action.column, action.type, action.ifExists);
        return;
      default:
        this.#constrain(action);
    }
  }

  #add(field: FieldSchema, ifNotExists: boolean): void {
    if (this.#find(field.name) !== undefined) {
      if (ifNotExists) return;
      throw invalidQuery(`Column already exists: ${field.name}`);
    }
    if (!isColumnName(field.name)) throw invalidQuery(`Invalid field name "${field.name}".`);
    if (field.mode === 'REQUIRED')
      throw invalidQuery(`Cannot add required columns to an existing schema. (field: ${field.name})`);
    if (field.defaultValueExpression !== undefined)
      throw invalidQuery(
        `ALTER TABLE ADD COLUMN cannot give the new column ${field.name} a default value: add it first, then ALTER COLUMN ${field.name} SET DEFAULT`,
      );
    this.#columns.push({ field, sql: `CAST(NULL AS ${duckdbType(typeOfField(field))})` });
    this.rewrites = true;
  }

  #drop(column: string, ifExists: boolean): void {
    const found = this.#required(column, ifExists);
    if (found === undefined) return;
    this.#refuseLayoutColumn(found.field.name, 'dropped');
    if (this.#columns.length === 1)
      throw invalidQuery('ALTER TABLE DROP COLUMN cannot drop the only column of a table');
    this.#columns = this.#columns.filter((other) => other !== found);
    this.rewrites = true;
  }

  #rename(column: string, newName: string, ifExists: boolean): void {
    const found = this.#required(column, ifExists);
    if (found === undefined) return;
    this.#refuseLayoutColumn(found.field.name, 'renamed');
    const other = this.#find(newName);
    if (other !== undefined && other !== found) throw invalidQuery(`Column already exists: ${newName}`);
    if (!isColumnName(newName)) throw invalidQuery(`Invalid field name "${newName}".`);
    this.#replace(found, { ...found, field: { ...found.field, name: newName } });
    this.rewrites = true;
  }

  /** Columns by which rows are laid out, compared or hidden keep their names and stay. */
  #refuseLayoutColumn(column: string, what: 'dropped' | 'renamed'): void {
    const same = (name: string | undefined): boolean => name?.toLowerCase() === column.toLowerCase();
    const { timePartitioning, rangePartitioning, clustering, tableConstraints } = this.#properties;
    if (same(timePartitioning?.field) || same(rangePartitioning?.['field'] as string | undefined))
      throw invalidQuery(`Column ${column} is the partitioning column of the table and cannot be ${what}`);
    if (clustering?.fields.some(same) === true)
      throw invalidQuery(`Column ${column} is a clustering column of the table and cannot be ${what}`);
    const inKey =
      tableConstraints?.primaryKey?.columns.some(same) === true ||
      tableConstraints?.foreignKeys?.some((key) => key.columnReferences.some((c) => same(c.referencingColumn))) ===
        true;
    if (inKey) throw invalidQuery(`Column ${column} is part of a key constraint and cannot be ${what}`);
    const named = this.#filters.some((filter) =>
      tokenize(filter).some(({ kind, text }) => same(kind === 'quoted' ? text.slice(1, -1) : text)),
    );
    if (named) throw invalidQuery(`Column ${column} is used by a row access policy and cannot be ${what}`);
  }

  #retype(column: string, type: GType, ifExists: boolean): void {
    const found = this.#required(column, ifExists);
    if (found === undefined) return;
    const from = typeOfField(found.field);
    if (typeName(from) === typeName(type)) return;
    if (WIDENINGS[from.kind]?.includes(type.kind) !== true)
      throw invalidQuery(
        `ALTER TABLE ALTER COLUMN SET DATA TYPE requires that the existing column type (${typeName(from)}) is assignable to the new type (${typeName(type)})`,
      );
    const { type: newType } = fieldOf({ name: column, type });
    this.#replace(found, {
      field: { ...found.field, type: newType },
      sql: from.kind === 'DATETIME' ? `timezone('UTC', ${found.sql})` : `CAST(${found.sql} AS ${duckdbType(type)})`,
    });
    this.rewrites = true;
  }

  #constrain(
    action: Extract<
      AlterTableAction,
      { kind: 'add_primary_key' | 'add_foreign_key' | 'drop_primary_key' | 'drop_constraint' }
    >,
  ): void {
    const constraints = this.#properties.tableConstraints ?? {};
    const set = (next: typeof constraints): void => {
      const { tableConstraints: _old, ...rest } = this.#properties;
      const empty = next.primaryKey === undefined && (next.foreignKeys ?? []).length === 0;
      this.#properties = empty ? rest : { ...rest, tableConstraints: next };
    };
    const { primaryKey, foreignKeys = [], ...none } = constraints;
    switch (action.kind) {
      case 'add_primary_key':
        if (primaryKey !== undefined) {
          if (action.ifNotExists) return;
          throw invalidQuery(`Table ${nameOf(this.#table.ref)} already has a primary key`);
        }
        set({ ...constraints, primaryKey: { columns: action.columns } });
        return;
      case 'add_foreign_key':
        if (action.ifNotExists && foreignKeys.some((key) => key.name === action.key.name)) return;
        set({ ...constraints, foreignKeys: [...foreignKeys, foreignKeyOf(action.key, foreignKeys)] });
        return;
      case 'drop_primary_key':
        if (primaryKey === undefined && !action.ifExists)
          throw invalidQuery(`Table ${nameOf(this.#table.ref)} has no primary key`);
        set({ ...none, ...(foreignKeys.length === 0 ? {} : { foreignKeys }) });
        return;
      case 'drop_constraint': {
        const rest = foreignKeys.filter((key) => key.name.toLowerCase() !== action.name.toLowerCase());
        if (rest.length === foreignKeys.length && !action.ifExists)
          throw invalidQuery(`Constraint not found: ${action.name} on table ${nameOf(this.#table.ref)}`);
        set({ ...constraints, foreignKeys: rest });
      }
    }
  }

  #change(
    action: { readonly column: string; readonly ifExists: boolean },
    change: (field: FieldSchema) => FieldSchema,
  ): void {
    const found = this.#required(action.column, action.ifExists);
    if (found !== undefined) this.#replace(found, { ...found, field: change(found.field) });
  }

  #find(column: string): Draft | undefined {
    return this.#columns.find(({ field }) => field.name.toLowerCase() === column.toLowerCase());
  }

  #required(column: string, ifExists: boolean): Draft | undefined {
    const found = this.#find(column);
    if (found === undefined && !ifExists) throw invalidQuery(`Column not found: ${column}`);
    return found;
  }

  #replace(old: Draft, next: Draft): void {
    this.#columns = this.#columns.map((column) => (column === old ? next : column));
  }
}
