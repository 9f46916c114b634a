// Analysis of one text, a statement or the query of a view: looks up the tables that it
// names, analyses views beneath it, asks the analyser, and notes down every read.
import { BigQueryError } from '../bigquery-error.ts';
import type { Analyzer, AnalyzerParameters, AnalyzerVariables } from './analyzer/analyzer.ts';
import { MAX_SQL_LENGTH } from './analyzer/analyzer.ts';
import { invalidQuery, unsupported } from './analyzer/analyzer-error.ts';
import { splitQuotedPaths, splittable } from './analyzer/quoted-path.ts';
import { barrier } from './barrier.ts';
import { requirePolicySource } from './access-statement.ts';
import { resultColumns } from './compile/query.ts';
import { ddlTables, toleratesMissing } from './desugar/ddl-names.ts';
import { nodeOf, type Node } from './resolve/message.ts';
import { resolveQuery } from './resolve/query.ts';
import { resolveScan } from './resolve/scan.ts';
import { IdSource, Scope, type CatalogTable, type Parameters } from './resolve/scope.ts';
import type { Expr, QueryPlan, Relation } from './ir.ts';
import { RoutineBodies } from './routines/bodies.ts';
import type { AnalyzedBody, TextOrigin } from './routines/callee.ts';
import type { AnalyzeRequest, ReadVia, TableInfo, TableRead } from './statement.ts';
import type { GType, TypedValue } from './types.ts';
import { typeOfField } from './values/schema.ts';
import { splitPath, systemViewPath } from './table-path.ts';

/** BigQuery's limit on views over views. */
const MAX_VIEW_DEPTH = 16;

const ON_ITS_OWN: TextOrigin = { via: undefined, depth: 0, stack: [] };

export type AnalyzedText = {
  readonly statement: Node;
  readonly scope: Scope;
  /** A scope in which the arguments of the routine that the text makes have these values, by name in lower case. */
  scopeFor(args: ReadonlyMap<string, Expr>): Scope;
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
    { readonly info: TableInfo; readonly columns: Set<string>; readonly via?: ReadVia }
  >();

  readonly routines: RoutineBodies;
  /** Tables that the statement itself names without a dataset. */
  readonly unqualified: string[] = [];

  constructor(analyzer: Analyzer, request: AnalyzeRequest) {
    this.#analyzer = analyzer;
    this.#request = request;
    this.routines = new RoutineBodies(
      request.lookup,
      request.temporaryRoutines ?? [],
      request.defaultDataset !== undefined,
      {
        analyzeBody: (sql, origin) => this.#body(sql, origin),
        tableNames: (sql) => analyzer.tableNames(sql),
        isBuiltin: (name) => analyzer.isBuiltin(name),
      },
    );
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

  /** What the reads so far are of. */
  sources(): TableInfo[] {
    return [...this.#reads.values()].map(({ info }) => info);
  }

  recordRead(info: TableInfo, columns: readonly string[], via?: ReadVia): void {
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
    return this.#analyze(this.#request.sql, values, types, ON_ITS_OWN, {
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
      ON_ITS_OWN,
    );
  }

  /** The body of a routine, as the statement that makes it. */
  async #body(sql: string, origin: TextOrigin): Promise<AnalyzedBody> {
    const none = { named: new Map(), positional: [] };
    const analyzed = await this.#analyze(sql, none, { mode: 'NAMED', types: new Map() }, origin);
    return {
      fields: analyzed.statement.fields,
      scopeFor: (args) => analyzed.scopeFor(args),
      hidesRows: analyzed.hidesRows,
    };
  }

  async #analyze(
    sql: string,
    parameters: Parameters,
    types: AnalyzerParameters,
    origin: TextOrigin,
    variables?: AnalyzerVariables,
  ): Promise<AnalyzedText> {
    const { via } = origin;
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
      if (via === undefined && systemViewPath(path) === undefined && splitPath(path).length === 1)
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
      tables.push({ path, ...(await this.#catalogTable(info, origin)) });
    }
    const calls = await this.routines.callsOf(sql, origin);
    for (const inBody of calls.tables) await this.#addInferred(inBody, tables, named, origin);
    const statement = await this.#analyzer
      .analyze(
        splitQuotedPaths(sql, apart),
        tables.map((t, i) => ({ path: t.path, id: i + 1, columns: t.columns })),
        types,
        variables,
        calls.routines,
      )
      .catch((error: unknown) => {
        throw calls.explained(error);
      });
    await calls.called.load(statement);
    const scopeFor = (args: ReadonlyMap<string, Expr>): Scope =>
      new Scope(
        resolveScan,
        this.#ids,
        tables,
        parameters,
        (table, columns) => this.recordRead(table.info, columns, via),
        { calls: calls.called, arguments: args },
      );
    return {
      statement: nodeOf(statement),
      scope: scopeFor(new Map()),
      scopeFor,
      hidesRows: tables.some((t) => t.info.throughViewsOnly === true),
    };
  }

  /** A table that the analyser reads when it infers the result of a templated function: the statement itself does not. */
  async #addInferred(
    { path: written, via }: { readonly path: readonly string[]; readonly via: ReadVia | undefined },
    tables: (CatalogTable & { readonly path: readonly string[] })[],
    named: Map<string, TableInfo>,
    origin: TextOrigin,
  ): Promise<void> {
    const info = await this.#lookUp(splittable(written) ?? written, via);
    const key = written.map((p) => p.toLowerCase()).join('\0');
    const same = named.get(key);
    if (same === undefined) {
      named.set(key, info);
      tables.push({ path: written, ...(await this.#catalogTable(info, origin)) });
    } else if (JSON.stringify(same.ref) !== JSON.stringify(info.ref)) {
      throw unsupported(`A query in which ${written.join('.')} also means another table in a function with ANY TYPE`);
    }
  }

  #lookUp(path: readonly string[], via: ReadVia | undefined): Promise<TableInfo> {
    const systemView = systemViewPath(path);
    if (systemView !== undefined) return this.#request.lookup.table(systemView, via);
    const parts = splitPath(path);
    // Names in a view without a project are of the view's own project, whoever queries it.
    return this.#request.lookup.table(via !== undefined && parts.length === 2 ? [via.projectId, ...parts] : parts, via);
  }

  async #catalogTable(info: TableInfo, origin: TextOrigin): Promise<CatalogTable> {
    if (info.kind === 'TABLE') {
      const table = {
        info,
        columns: [
          ...info.fields.map((field) => ({
            name: field.name,
            type: typeOfField(field),
            ...(field.defaultValueExpression === undefined ? {} : { hasDefault: true }),
            ...(field.collation === 'und:ci' ? { collation: 'und:ci' as const } : {}),
          })),
          ...(info.pseudoColumns ?? []).map(({ name, type }) => ({ name, type, isPseudo: true })),
        ],
      };
      if (info.rowFilter === undefined) return table;
      try {
        return { ...table, view: await this.#filtered(table, info.rowFilter) };
      } catch (error) {
        // What its policies read is missing: a matter of who reads the rows, not of who mends the policies.
        return { ...table, unreadable: error };
      }
    }
    const view = await this.#viewPlan(info, origin);
    return {
      info,
      view,
      columns: view.outputs.map(({ name, column: { type, collation } }) => ({
        name,
        type,
        ...(collation === undefined ? {} : { collation }),
      })),
    };
  }

  /**
   * The rows of a table that its row access policies let the caller see. Its columns count as read where they are
   * named; what the subqueries of policies read counts as read by the caller, who needs rights to it.
   */
  async #filtered(table: CatalogTable, filter: string): Promise<QueryPlan> {
    const { ref } = table.info;
    const sql = `SELECT * FROM ${quoted(ref.tableId)} WHERE (${filter}\n)`;
    const tables: (CatalogTable & { readonly path: readonly string[] })[] = [{ ...table, path: [ref.tableId] }];
    const apart = new Set<string>();
    for (const written of await this.#analyzer.tableNames(sql)) {
      const parts = splittable(written);
      const path = parts ?? written;
      if (path.length === 1 && path[0] === ref.tableId) continue;
      if (parts !== undefined) apart.add(written[0]!);
      // Names without a project are of the table's own project.
      const own = splitPath(path).length === 2 ? [ref.projectId, ...path] : path;
      // Whether the caller may read it is asked for when its rows are read.
      const info = await this.#request.lookup.table(own, ref);
      requirePolicySource(info, ref);
      tables.push({
        path,
        info,
        columns: info.fields.map((field) => ({ name: field.name, type: typeOfField(field) })),
      });
    }
    const statement = nodeOf(
      await this.#analyzer.analyze(
        splitQuotedPaths(sql, apart),
        tables.map((t, i) => ({ path: t.path, id: i + 1, columns: t.columns })),
        { mode: 'NAMED', types: new Map() },
      ),
    );
    const parameters = { named: new Map(), positional: [] };
    const scope = new Scope(resolveScan, this.#ids, tables, parameters, (read, columns) => {
      if (read !== tables[0]) this.recordRead(read.info, columns);
    });
    const plan = resolveQuery(scope, statement.fields);
    return { ...plan, relation: barrier(plan.relation) };
  }

  async #viewPlan(info: TableInfo, origin: TextOrigin): Promise<QueryPlan> {
    const depth = origin.depth + 1;
    const name = `${info.ref.projectId}:${info.ref.datasetId}.${info.ref.tableId}`;
    if (depth > MAX_VIEW_DEPTH)
      throw invalidQuery(`Exceeded the maximum nested view depth of ${MAX_VIEW_DEPTH} at view ${name}.`);
    if (info.viewQuery === undefined) throw invalidQuery(`View ${name} has no query.`);
    const { statement, scope, hidesRows } = await this.#analyze(
      info.viewQuery,
      { named: new Map(), positional: [] },
      { mode: 'NAMED', types: new Map() },
      { via: info.ref, depth, stack: origin.stack },
    );
    if (statement.kind !== 'resolvedQueryStmtNode') throw invalidQuery(`View ${name} is not a query.`);
    const plan = resolveQuery(scope, statement.fields);
    // As a table the view has plain columns, whatever form its query has.
    const computed = resultColumns(plan).map(({ name: columnName, expr }) => ({
      column: { ...scope.newColumn(columnName, expr.type), ...collationOfOutput(expr) },
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

function collationOfOutput(expr: Expr): { readonly collation?: 'und:ci' } {
  return expr.kind === 'column' && expr.column.collation !== undefined ? { collation: expr.column.collation } : {};
}

function quoted(name: string): string {
  return `\`${name.replaceAll('\\', '\\\\').replaceAll('`', '\\`')}\``;
}

function typesOf(values: ReadonlyMap<string, TypedValue> | undefined): ReadonlyMap<string, GType> {
  return new Map([...(values ?? [])].map(([name, { type }]): [string, GType] => [name, type]));
}
