// Values of constant expressions at analysis time, for OPTIONS(…): literals are read off;
// anything else runs on a DuckDB in memory, opened when first needed.
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';

import { unsupported } from './analyzer/analyzer-error.ts';
import type { CompileContext } from './compile/context.ts';
import { compileExpr } from './compile/expression.ts';
import { registerFunctions } from './functions/index.ts';
import type { Expr } from './ir.ts';
import { mapRuntimeError } from './runtime-error.ts';
import type { Value } from './types.ts';

export class ConstantEvaluator implements Disposable {
  #connection: Promise<DuckDBConnection> | undefined;

  /** Throws `invalidQuery` when the expression fails or is not constant. */
  async evaluate(context: CompileContext, expr: Expr): Promise<Value> {
    const folded = fold(expr);
    if (folded !== undefined) return folded;
    const sql = compileExpr(context, expr);
    switch (expr.type.kind) {
      case 'TIMESTAMP':
        return this.#run(`SELECT epoch_us(${sql})`);
      case 'STRING':
      case 'INT64':
      case 'FLOAT64':
      case 'BOOL':
        return this.#run(`SELECT ${sql}`);
      default:
        throw unsupported(`An option of type ${expr.type.kind} that is not a literal`);
    }
  }

  async #run(sql: string): Promise<Value> {
    this.#connection ??= open();
    const connection = await this.#connection;
    try {
      const reader = await connection.runAndReadAll(sql);
      return reader.getRows()[0]![0] as Value;
    } catch (error) {
      throw mapRuntimeError(error);
    }
  }

  [Symbol.dispose](): void {
    void this.#connection?.then((connection) => connection.closeSync());
    this.#connection = undefined;
  }
}

async function open(): Promise<DuckDBConnection> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1', enable_external_access: 'false' });
  const connection = await instance.connect();
  await connection.run("SET TimeZone = 'UTC'");
  await registerFunctions(connection);
  return connection;
}

function fold(expr: Expr): Value | undefined {
  if (expr.kind === 'literal') return expr.value.value;
  const parts =
    expr.kind === 'struct' ? expr.fields : expr.kind === 'call' && expr.name === '$make_array' ? expr.args : undefined;
  if (parts === undefined) return undefined;
  const values = parts.map(fold);
  return values.every((v) => v !== undefined) ? values : undefined;
}
