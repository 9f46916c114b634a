// Analysis of one text, a statement or the query of a view: looks up the tables that it
// names, analyses views beneath it, asks the analyser, and notes down every read.
import { BigQueryError } from '../bigquery-error.ts';
import type { Analyzer, AnalyzerParameters, AnalyzerVariables } from './analyzer/analyzer.ts';
import { MAX_SQL_LENGTH } from './analyzer/analyzer.ts';
import { invalidQuery, unsupported } from './analyzer/analyzer-error.ts';
import { splitQuotedPaths, splittable } from './analyzer/quoted-path.ts';
import { resultColumns } from './compile/query.ts';
import { ddlTables, toleratesMissing } from './desugar/ddl-names.ts';
import { nodeOf, type Node } from './resolve/message.ts';
import { resolveQuery } from './resolve/query.ts';
import { resolveScan } from './resolve/scan.ts';
import { IdSource, Scope, type CatalogTable, type Parameters } from './resolve/scope.ts';
import type { Expr, QueryPlan, Relation } from './ir.ts';
import type { AnalyzeRequest, TableInfo, TableRead, TableRef } from './statement.ts';
import type { GType, TypedValue } from './types.ts';
import { typeOfField } from './values/schema.ts';
import { regionViewPath, splitPath } from './table-path.ts';

/** BigQuery's limit on views over views. */
const MAX_VIEW_DEPTH = 16;

const ALL_ROWS: Expr = {
  kind: 'literal',
  value: { type: { kind: 'INT64' }, value: 2n ** 62n },
  type: { kind: 'INT64' },
};

export type AnalyzedText = {
  readonly statement: Node;
  readonly scope: Scope;
  /** It names tables that the caller may read through views only. */
  readonly hidesRows: boolean;
};

/** One statement's analysis; ids and reads are shared by the texts of its views. */
export class TextAnalysis {
  readonly #analyzer: Analyzer;
  readonly #request: AnalyzeRequest;
  readonly #ids = new IdSource();
  readonly #reads = new Map<
    string,
    { readonly info: TableInfo; readonly columns: Set<string>; readonly via?: TableRef }
  >();

  /** Tables that the statement itself names without a dataset. */
  readonly unqualified: string[] = [];

  constructor(analyzer: Analyzer, request: AnalyzeRequest) {
    this.#analyzer = analyzer;
    this.#request = request;
  }

  /** Everything read so far. */
  reads(): TableRead[] {
    return [...this.#reads.values()].map(({ info, columns, via }) => ({
      ref: info.ref,
      kind: info.kind,
      columns:
        info.fields.length === 0
          ? [...columns]
          : [...columns].map((c) => info.fields.find((f) => f.name.toLowerCase() === c.toLowerCase())?.name ?? c),
      ...(via === undefined ? {} : { via }),
    }));
  }

  recordRead(info: TableInfo, columns: readonly string[], via?: TableRef): void {
    // What such a table shows was chosen for the caller.
    if (info.systemView !== undefined) return;
    const key = JSON.stringify([info.ref, via ?? null]);
    let read = this.#reads.get(key);
    if (read === undefined) {
      read = { info, columns: new Set(), ...(via === undefined ? {} : { via }) };
      this.#reads.set(key, read);
    }
    for (const column of columns) read.columns.add(column);
  }

  /** The statement itself. */
  statement(): Promise<AnalyzedText> {
    const { parameters, variables, systemVariables, outputTypes } = this.#request;
    const named = new Map<string, TypedValue>();
    if (parameters?.mode === 'NAMED')
      for (const [name, value] of parameters.values) named.set(name.toLowerCase(), value);
    const positional = parameters?.mode === 'POSITIONAL' ? parameters.values : [];
    const types: AnalyzerParameters =
      parameters?.mode === 'POSITIONAL'
        ? { mode: 'POSITIONAL', types: positional.map((v) => v.type) }
        : { mode: 'NAMED', types: new Map([...named].map(([name, v]): [string, GType] => [name, v.type])) };
    const values = {
      named,
      positional,
      ...(variables === undefined ? {} : { variables }),
      ...(systemVariables === undefined ? {} : { system: systemVariables }),
    };
    return this.#analyze(this.#request.sql, values, types, undefined, 0, {
      named: typesOf(variables),
      system: typesOf(systemVariables),
      ...(outputTypes === undefined ? {} : { outputTypes }),
    });
  }

  /** A constant expression of the catalog: a column's default. */
  expression(sql: string): Promise<AnalyzedText> {
    return this.#analyze(
      `SELECT (${sql})`,
      { named: new Map(), positional: [] },
      { mode: 'NAMED', types: new Map() },
      undefined,
      0,
    );
  }

  async #analyze(
    sql: string,
    parameters: Parameters,
    types: AnalyzerParameters,
    via: TableRef | undefined,
    depth: number,
    variables?: AnalyzerVariables,
  ): Promise<AnalyzedText> {
    if (sql.length > MAX_SQL_LENGTH) {
      throw invalidQuery(
        `The query is too large. The maximum standard SQL query length is ${MAX_SQL_LENGTH / 1024}K characters, including comments and white space characters.`,
      );
    }
    const tables: (CatalogTable & { readonly path: readonly string[] })[] = [];
    const named = new Map<string, TableInfo>();
    const apart = new Set<string>();
    const extracted = await this.#analyzer.tableNames(sql);
    for (const written of via === undefined ? [...extracted, ...ddlTables(sql)] : extracted) {
      const parts = splittable(written);
      if (parts !== undefined) apart.add(written[0]!);
      const path = parts ?? written;
      if (via === undefined && regionViewPath(path) === undefined && splitPath(path).length === 1)
        this.unqualified.push(path[0]!);
      const info = await this.#lookUp(path, via).catch((error: unknown) => {
        if (error instanceof BigQueryError && error.reason === 'notFound' && toleratesMissing(sql)) return undefined;
        throw error;
      });
      if (info === undefined) continue;
      const key = path.map((p) => p.toLowerCase()).join('\0');
      const same = named.get(key);
      if (same !== undefined) {
        // The analyser matches names in any case; two tables that differ only in case cannot both be told to it.
        if (JSON.stringify(same.ref) !== JSON.stringify(info.ref))
          throw unsupported('A query over two tables whose names differ only in case');
        continue;
      }
      named.set(key, info);
      tables.push({ path, ...(await this.#catalogTable(info, depth)) });
    }
    const statement = await this.#analyzer.analyze(
      splitQuotedPaths(sql, apart),
      tables.map((t, i) => ({ path: t.path, id: i + 1, columns: t.columns })),
      types,
      variables,
    );
    const scope = new Scope(resolveScan, this.#ids, tables, parameters, (table, columns) =>
      this.recordRead(table.info, columns, via),
    );
    return { statement: nodeOf(statement), scope, hidesRows: tables.some((t) => t.info.throughViewsOnly === true) };
  }

  #lookUp(path: readonly string[], via: TableRef | undefined): Promise<TableInfo> {
    const regionView = regionViewPath(path);
    if (regionView !== undefined) {
      const ofRegion = via !== undefined && /^region-/i.test(regionView[0]!);
      return this.#request.lookup.table(ofRegion ? [via.projectId, ...regionView] : regionView, via);
    }
    const parts = splitPath(path);
    // Names in a view without a project are of the view's own project, whoever queries it.
    return this.#request.lookup.table(via !== undefined && parts.length === 2 ? [via.projectId, ...parts] : parts, via);
  }

  async #catalogTable(info: TableInfo, depth: number): Promise<CatalogTable> {
    if (info.kind === 'TABLE') {
      const table = {
        info,
        columns: [
          ...info.fields.map((field) => ({
            name: field.name,
            type: typeOfField(field),
            ...(field.defaultValueExpression === undefined ? {} : { hasDefault: true }),
          })),
          ...(info.pseudoColumns ?? []).map(({ name, type }) => ({ name, type, isPseudo: true })),
        ],
      };
      return info.rowFilter === undefined ? table : { ...table, view: await this.#filtered(table, info.rowFilter) };
    }
    const view = await this.#viewPlan(info, depth + 1);
    return { info, view, columns: view.outputs.map((o) => ({ name: o.name, type: o.column.type })) };
  }

  /** The rows of a table that its row access policies let the caller see. Its columns count as read where they are named. */
  async #filtered(table: CatalogTable, filter: string): Promise<QueryPlan> {
    const statement = nodeOf(
      await this.#analyzer.analyze(
        `SELECT * FROM ${quoted(table.info.ref.tableId)} WHERE (${filter}\n)`,
        [{ path: [table.info.ref.tableId], id: 1, columns: table.columns }],
        { mode: 'NAMED', types: new Map() },
      ),
    );
    const parameters = { named: new Map(), positional: [] };
    const scope = new Scope(resolveScan, this.#ids, [table], parameters, () => undefined);
    const plan = resolveQuery(scope, statement.fields);
    return { ...plan, relation: barrier(plan.relation) };
  }

  async #viewPlan(info: TableInfo, depth: number): Promise<QueryPlan> {
    const name = `${info.ref.projectId}:${info.ref.datasetId}.${info.ref.tableId}`;
    if (depth > MAX_VIEW_DEPTH)
      throw invalidQuery(`Exceeded the maximum nested view depth of ${MAX_VIEW_DEPTH} at view ${name}.`);
    if (info.viewQuery === undefined) throw invalidQuery(`View ${name} has no query.`);
    const { statement, scope, hidesRows } = await this.#analyze(
      info.viewQuery,
      { named: new Map(), positional: [] },
      { mode: 'NAMED', types: new Map() },
      info.ref,
      depth,
    );
    if (statement.kind !== 'resolvedQueryStmtNode') throw invalidQuery(`View ${name} is not a query.`);
    const plan = resolveQuery(scope, statement.fields);
    // As a table the view has plain columns, whatever form its query has.
    const computed = resultColumns(plan).map(({ name: columnName, expr }) => ({
      column: scope.newColumn(columnName, expr.type),
      expr,
    }));
    const rows: Relation = {
      kind: 'project',
      input: plan.relation,
      computed,
      columns: computed.map((c) => c.column),
    };
    return {
      relation: hidesRows ? barrier(rows) : rows,
      outputs: computed.map(({ column }) => ({ name: column.name, column })),
      valueTable: false,
    };
  }
}

/**
 * The same rows. No condition of the query may be evaluated before those within: its errors
 * would tell of rows that they hide. DuckDB moves none below a LIMIT.
 */
function barrier(input: Relation): Relation {
  return { kind: 'limit', input, limit: ALL_ROWS, columns: input.columns };
}

function quoted(name: string): string {
  return `\`${name.replaceAll('\\', '\\\\').replaceAll('`', '\\`')}\``;
}

function typesOf(values: ReadonlyMap<string, TypedValue> | undefined): ReadonlyMap<string, GType> {
  return new Map([...(values ?? [])].map(([name, { type }]): [string, GType] => [name, type]));
}
