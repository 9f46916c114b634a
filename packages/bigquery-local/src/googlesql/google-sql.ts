// The GoogleSQL front door: analyses one statement and compiles it to DuckDB.
import { Analyzer } from './analyzer/analyzer.ts';
import type { ZetaSqlClientOptions } from './analyzer/client.ts';
import { invalidQuery, statementName, unsupported } from './analyzer/analyzer-error.ts';
import { CompileContext } from './compile/context.ts';
import { compileDml } from './compile/dml.ts';
import { compileExpr } from './compile/expression.ts';
import { subqueries } from './compile/relation.ts';
import { compileQuery } from './compile/query.ts';
import { ConstantEvaluator } from './constant.ts';
import { accessStatement } from './access-statement.ts';
import { ddlStatement } from './ddl-statement.ts';
import type { Expr } from './ir.ts';
import { resolveDdl } from './resolve/ddl.ts';
import { dmlTarget, resolveDml, targetReads } from './resolve/dml.ts';
import type { Node } from './resolve/message.ts';
import { resolveQuery } from './resolve/query.ts';
import type { Scope } from './resolve/scope.ts';
import { checkScript } from './script/check-script.ts';
import type { Script } from './script/script.ts';
import type { AnalyzedStatement, AnalyzeRequest, GoogleSql, Statement, TableInfo } from './statement.ts';
import { requireStorable, routineStatement } from './routines/create.ts';
import { withTemporaryFunctions } from './routines/statement-list.ts';
import { withTemporary } from './routines/temporary.ts';
import { TextAnalysis } from './text-analysis.ts';
import { typeName } from './types.ts';
import { typeOfField } from './values/schema.ts';

const DML = new Set([
  'resolvedInsertStmtNode',
  'resolvedUpdateStmtNode',
  'resolvedDeleteStmtNode',
  'resolvedMergeStmtNode',
  'resolvedTruncateStmtNode',
]);

export type GoogleSqlOptions = ZetaSqlClientOptions & {
  /** Microseconds since 1970. Default: the system's clock. */
  readonly nowMicros?: () => bigint;
};

/** DML that picks rows of its target, and so reads it whatever columns it names. */
const READS_TARGET = new Set(['resolvedUpdateStmtNode', 'resolvedDeleteStmtNode', 'resolvedMergeStmtNode']);

class LocalGoogleSql implements GoogleSql {
  readonly #analyzer: Analyzer;
  readonly #nowMicros: () => bigint;
  readonly #constants = new ConstantEvaluator();
  #stages = 0;

  constructor(analyzer: Analyzer, options: GoogleSqlOptions) {
    this.#analyzer = analyzer;
    this.#nowMicros = options.nowMicros ?? (() => BigInt(Date.now()) * 1000n);
  }

  async analyze(request: AnalyzeRequest): Promise<AnalyzedStatement> {
    // What a view stores is one query.
    const list = request.definesView === true ? undefined : withTemporaryFunctions(request.sql);
    if (list === undefined) return this.#analyzeOne(request);
    const { parameters: _none, ...bare } = request;
    let temporaryRoutines = request.temporaryRoutines ?? [];
    for (const sql of list.functions) {
      const { statement } = await this.#analyzeOne({ ...bare, sql, temporaryRoutines });
      temporaryRoutines = withTemporary(temporaryRoutines, statement);
    }
    return this.#analyzeOne({ ...request, sql: list.last, temporaryRoutines });
  }

  async #analyzeOne(request: AnalyzeRequest): Promise<AnalyzedStatement> {
    const analysis = new TextAnalysis(this.#analyzer, request);
    const analyzed = await analysis.statement();
    const context = new CompileContext(subqueries, this.#nowMicros(), request.sessionUser);
    context.requiresPartitionFilters = request.definesView !== true;
    const constants = this.#constants;
    const statement =
      (await routineStatement({ analyzed, analysis, request, context, constants })) ??
      (await this.#statement(analyzed.statement, analyzed.scope, context, analysis, request));
    return { statement, reads: analysis.reads(), routines: analysis.routines.uses() };
  }

  async script(sql: string, known: Iterable<string> = []): Promise<Script> {
    const script = await this.#analyzer.script(sql);
    checkScript(script, known);
    return script;
  }

  async #statement(
    node: Node,
    scope: Scope,
    context: CompileContext,
    analysis: TextAnalysis,
    request: AnalyzeRequest,
  ): Promise<Statement> {
    const { kind, fields } = node;
    if (kind === 'resolvedQueryStmtNode') {
      const plan = resolveQuery(scope, fields);
      if (analysis.routines.mayBeRandom) context.deterministic = false;
      return { kind: 'SELECT', query: compileQuery(context, plan) };
    }
    const ddl = resolveDdl(scope, kind, fields);
    // A view is read without the default dataset of the query that made it.
    if (ddl?.kind === 'CREATE_VIEW' || ddl?.kind === 'CREATE_MATERIALIZED_VIEW') {
      requireStorable({ analysis });
      const [used] = scope.usedParameters;
      if (used !== undefined) throw invalidQuery(`Query parameter or variable ${used} cannot be used in a view`);
      if (analysis.reads().some(({ ref }) => ref.datasetId === request.temporary?.datasetId))
        throw invalidQuery('A temporary table cannot be used in a view');
    }
    if (ddl !== undefined) return ddlStatement(ddl, request, context, this.#constants);
    const access = accessStatement(node, scope, context, analysis, request);
    if (access !== undefined) return access;
    if (!DML.has(kind)) throw unsupported(statementName(kind.replace(/^resolved/, '')));
    const target = dmlTarget(scope, fields);
    if (READS_TARGET.has(kind)) analysis.recordRead(target.info, targetReads(scope, fields));
    const plan = resolveDml(scope, kind, fields, await defaultsOf(analysis, target.info));
    this.#stages += 1;
    const steps = compileDml(context, plan, `sluice_stage_${this.#stages}`);
    return { kind: plan.kind, target: target.info.ref, steps };
  }

  async defaults(table: TableInfo, sessionUser: string): Promise<ReadonlyMap<string, string>> {
    const lookup = { table: () => Promise.reject(unsupported('A default value that reads a table')) };
    const { projectId } = table.ref;
    const analysis = new TextAnalysis(this.#analyzer, { sql: '', lookup, defaultProject: projectId, sessionUser });
    const context = new CompileContext(subqueries, this.#nowMicros(), sessionUser);
    const values = await defaultsOf(analysis, table);
    return new Map([...values].map(([column, expr]) => [column, compileExpr(context, expr)]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#constants[Symbol.dispose]();
    await this.#analyzer[Symbol.asyncDispose]();
  }
}

/** What the DEFAULT clauses of a table's columns give, by column in lower case. */
async function defaultsOf(analysis: TextAnalysis, table: TableInfo): Promise<Map<string, Expr>> {
  const defaults = new Map<string, Expr>();
  for (const field of table.fields) {
    if (field.defaultValueExpression === undefined) continue;
    const { statement, scope } = await analysis.expression(
      `CAST((${field.defaultValueExpression}) AS ${typeName(typeOfField(field))})`,
    );
    const { relation } = resolveQuery(scope, statement.fields);
    // As an expression of each row: a subquery would give all rows one GENERATE_UUID().
    const [only] = relation.kind === 'project' && relation.input.kind === 'one_row' ? relation.computed : [];
    defaults.set(
      field.name.toLowerCase(),
      only?.expr ?? { kind: 'scalar_subquery', relation, type: typeOfField(field) },
    );
  }
  return defaults;
}

/** Starts the analyser. Throws with the reason where this machine cannot run it. */
export async function createGoogleSql(options: GoogleSqlOptions = {}): Promise<GoogleSql> {
  const analyzer = new Analyzer(options);
  try {
    await analyzer.warmUp();
  } catch (error) {
    await analyzer[Symbol.asyncDispose]();
    throw error;
  }
  return new LocalGoogleSql(analyzer, options);
}
