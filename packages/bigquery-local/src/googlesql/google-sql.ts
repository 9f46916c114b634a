// The GoogleSQL front door: analyses one statement and compiles it to DuckDB.
import { Analyzer } from './analyzer/analyzer.ts';
import type { ZetaSqlClientOptions } from './analyzer/client.ts';
import { unsupported } from './analyzer/analyzer-error.ts';
import { CompileContext } from './compile/context.ts';
import { compileQuery } from './compile/query.ts';
import { resolveQuery } from './resolve/query.ts';
import type { AnalyzedStatement, AnalyzeRequest, GoogleSql } from './statement.ts';
import { TextAnalysis } from './text-analysis.ts';

export type GoogleSqlOptions = ZetaSqlClientOptions & {
  /** Microseconds since 1970. Default: the system's clock. */
  readonly nowMicros?: () => bigint;
};

class LocalGoogleSql implements GoogleSql {
  readonly #analyzer: Analyzer;
  readonly #nowMicros: () => bigint;

  constructor(analyzer: Analyzer, options: GoogleSqlOptions) {
    this.#analyzer = analyzer;
    this.#nowMicros = options.nowMicros ?? (() => BigInt(Date.now()) * 1000n);
  }

  async analyze(request: AnalyzeRequest): Promise<AnalyzedStatement> {
    const analysis = new TextAnalysis(this.#analyzer, request);
    const { statement, scope } = await analysis.statement();
    const context = new CompileContext(this.#nowMicros(), request.sessionUser);
    switch (statement.kind) {
      case 'resolvedQueryStmtNode': {
        const query = compileQuery(context, resolveQuery(scope, statement.fields));
        return { statement: { kind: 'SELECT', query }, reads: analysis.reads() };
      }
      default:
        throw unsupported(statement.kind);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#analyzer[Symbol.asyncDispose]();
  }
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
