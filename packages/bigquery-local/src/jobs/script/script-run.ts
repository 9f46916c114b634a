// The interpreter of scripts: control flow, variables, handlers, procedures. Everything that
// reads or writes data it hands to child jobs, each authorised by itself.
// Source: "Procedural language" of the GoogleSQL reference for BigQuery.
import { BigQueryError } from '../../bigquery-error.ts';
import { type Block, type Name, type Script, type ScriptStatement, type Span } from '../../googlesql/script/script.ts';
import type { GType } from '../../googlesql/types.ts';
import type { JobOutcome } from '../../catalog/jobs.ts';
import { presentable } from '../../rest/error-envelope.ts';
import type { Execution } from '../execution.ts';
import type { QueryConfiguration } from '../query-configuration.ts';
import type { StatementContext } from '../statement-context.ts';
import type { Child, ChildJobs } from './child-jobs.ts';
import { declare, labelsOf, setStruct, setSystemVariable } from './assignments.ts';
import { executeImmediate } from './execute-immediate.ts';
import { childOf, condition, equal, evaluate, located, loopRows, placed, type Surroundings } from './expressions.ts';
import { textOf, traceOf, type Frame } from './frame.ts';
import { callProcedure } from './procedure.ts';
import { errorVariables, hasPlace, RaisedError, ScriptFailure } from './script-failure.ts';
import type { ScriptState } from './script-state.ts';
import { systemVariables } from './system-variables.ts';
import { transactionStatement } from './transaction-statement.ts';
import { undeclared, VariableScope } from './variable-scope.ts';

/** How a block ended, when not at its end. */
export type Jump =
  | { readonly kind: 'break' | 'continue'; readonly label: string | undefined }
  | { readonly kind: 'return' }
  | undefined;

/** A loop that touches nothing but variables must not keep the server from everything else. */
const STATEMENTS_PER_TURN = 50;

export type ScriptOptions = {
  readonly execution: Execution;
  readonly configuration: QueryConfiguration;
  readonly location: string;
  readonly state: ScriptState;
  readonly children: ChildJobs;
  readonly createdMs: number;
  readonly sessionId: string | undefined;
  /** The text is one statement: its errors are those of the job. */
  readonly alone: boolean;
  /** CALL BQ.ABORT_SESSION. */
  readonly abortSession: (sessionId: string | undefined) => Promise<void>;
};

export class ScriptRun {
  readonly options: ScriptOptions;
  readonly around: Surroundings;
  #statements = 0;

  constructor(options: ScriptOptions) {
    this.options = options;
    const { children, configuration } = options;
    this.around = {
      children,
      configuration,
      context: (frame) => this.#context(frame),
      inherited: () => this.#inherited(),
    };
  }

  /** Runs it to its end. Errors come out as the job shows them. */
  async run(script: Script): Promise<void> {
    try {
      await this.block(script.statements, this.#outermost(script));
    } catch (error) {
      throw this.#shown(error);
    }
  }

  /** Of one statement, perhaps behind functions for it. */
  async dryRun(script: Script): Promise<JobOutcome> {
    const frame = this.#outermost(script);
    const last = script.statements.at(-1)!;
    try {
      for (const statement of script.statements) if (statement !== last) await this.#statement(statement, frame);
      return await this.#orFailure(last, frame, () =>
        this.options.children.dryRun(childOf(this.around, frame, last, {})),
      );
    } catch (error) {
      throw this.#shown(error);
    }
  }

  #outermost(script: Script): Frame {
    const { state, configuration } = this.options;
    return {
      script,
      procedure: undefined,
      variables: state.variables,
      parameters: configuration.parameters,
      caller: undefined,
    };
  }

  #shown(error: unknown): unknown {
    if (!(error instanceof ScriptFailure)) return error;
    const { cause } = error;
    const message =
      !this.options.alone || !(cause instanceof BigQueryError)
        ? error.errorMessage
        : hasPlace(cause.message)
          ? error.errorMessage.replace(/^Query error: /, '')
          : cause.message;
    return new BigQueryError(error.reason as 'invalidQuery', message, {
      ...(this.options.alone && cause instanceof BigQueryError ? cause.options : error.options),
      httpStatus: error.httpStatus,
      cause: error,
    });
  }

  async block(block: Block, frame: Frame): Promise<Jump> {
    for (const statement of block) {
      const jump = await this.#statement(statement, frame);
      if (jump !== undefined) return jump;
    }
    return undefined;
  }

  async #statement(statement: ScriptStatement, frame: Frame): Promise<Jump> {
    const { signal } = this.options.execution;
    signal.throwIfAborted();
    this.#statements += 1;
    if (this.#statements % STATEMENTS_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
    return this.#orFailure(statement, frame, () => this.#run(statement, frame));
  }

  async #orFailure<T>(statement: ScriptStatement, frame: Frame, body: () => Promise<T>): Promise<T> {
    try {
      return await body();
    } catch (error) {
      this.options.execution.signal.throwIfAborted();
      if (error instanceof ScriptFailure) throw error;
      const thrown = presentable(error);
      throw new ScriptFailure(thrown, {
        message: `Query error: ${placed(thrown, frame, statement)}`,
        statementText: textOf(frame, statement),
        trace: traceOf(frame, statement),
      });
    }
  }

  async #run(statement: ScriptStatement, frame: Frame): Promise<Jump> {
    const { around } = this;
    switch (statement.kind) {
      case 'sql':
        await this.sql(childOf(around, frame, statement, {}), statement.node);
        return undefined;
      case 'declare':
        await declare(this, statement, frame);
        return undefined;
      case 'set':
        await this.assign(frame, statement.name, statement.value);
        return undefined;
      case 'set_struct':
        await setStruct(this, statement, frame);
        return undefined;
      case 'set_system':
        setSystemVariable(this, statement.path, await evaluate(around, frame, statement.value));
        return undefined;
      case 'if':
        for (const { condition: test, body } of statement.branches)
          if (await condition(around, frame, test)) return this.block(body, frame);
        return statement.otherwise === undefined ? undefined : this.block(statement.otherwise, frame);
      case 'case':
        return this.#case(statement, frame);
      case 'while':
      case 'repeat':
        return this.#loop(statement, frame);
      case 'for':
        return this.#for(statement, frame);
      case 'break':
      case 'continue':
        return { kind: statement.kind, label: statement.label?.name };
      case 'return':
        return { kind: 'return' };
      case 'block':
        return this.#guarded(statement, frame);
      case 'raise':
        return this.#raise(statement, frame);
      case 'assert':
        return this.#assert(statement, frame);
      case 'execute_immediate':
        await executeImmediate(this, statement, frame);
        return undefined;
      case 'call':
        await callProcedure(this, statement, frame);
        return undefined;
      case 'begin_transaction':
      case 'commit':
      case 'rollback':
        await transactionStatement(this, statement.kind, childOf(around, frame, statement, {}));
        return undefined;
    }
  }

  /** A statement that is one child job. */
  async sql(child: Child, node: string): Promise<void> {
    const { children, state } = this.options;
    // Before its analysis: the dataset decides who may make tables in it.
    if (node === 'astCreateTableStatementNode' && /\btemp(orary)?\b/i.test(child.configuration.sql))
      state.temporary.ensure();
    const { outcome, statement } = await children.run(child);
    state.lastJobId = children.lastJobId;
    const query = outcome.statistics['query'] as Readonly<Record<string, unknown>> | undefined;
    const affected = query?.['numDmlAffectedRows'];
    if (typeof affected === 'string') state.rowCount = BigInt(affected);
    if (statement.kind !== 'CREATE_TEMP_FUNCTION') return;
    const { routine, mode } = statement;
    const key = routine.name.toLowerCase();
    const known = state.temporaryRoutines.has(key);
    if (known && mode === 'default')
      throw new BigQueryError('duplicate', `Already Exists: Temporary function ${routine.name}`);
    if (!known || mode === 'or_replace') state.temporaryRoutines.set(key, routine);
  }

  /** Sets a declared variable to an expression of its type. */
  async assign(frame: Frame, name: Name, value: Span): Promise<void> {
    const type = this.typeOf(frame, name);
    frame.variables.set(name.name, await evaluate(this.around, frame, value, type));
  }

  typeOf(frame: Frame, name: Name): GType {
    const type = frame.variables.typeOf(name.name);
    if (type === undefined) {
      const error = undeclared(name.name);
      throw located(error, placed(error, frame, name));
    }
    return type;
  }

  async #case(statement: Extract<ScriptStatement, { readonly kind: 'case' }>, frame: Frame): Promise<Jump> {
    const { operand, branches, otherwise } = statement;
    const value = operand === undefined ? undefined : await evaluate(this.around, frame, operand);
    for (const { condition: test, body } of branches) {
      const holds =
        value === undefined ? await condition(this.around, frame, test) : await equal(this.around, frame, value, test);
      if (holds) return this.block(body, frame);
    }
    return otherwise === undefined ? undefined : this.block(otherwise, frame);
  }

  async #loop(statement: Extract<ScriptStatement, { readonly kind: 'while' | 'repeat' }>, frame: Frame): Promise<Jump> {
    for (;;) {
      if (statement.kind === 'while' && statement.condition !== undefined) {
        if (!(await condition(this.around, frame, statement.condition))) return undefined;
      }
      const jump = afterRound(await this.block(statement.body, frame), statement.label);
      if (jump.leaves) return jump.jump;
      if (statement.kind === 'repeat' && (await condition(this.around, frame, statement.until))) return undefined;
      await this.#turn();
    }
  }

  async #for(statement: Extract<ScriptStatement, { readonly kind: 'for' }>, frame: Frame): Promise<Jump> {
    const { type, rows } = await loopRows(this.around, frame, statement.query);
    const inner: Frame = { ...frame, variables: new VariableScope(frame.variables) };
    for (const value of rows) {
      inner.variables.declare(statement.variable.name, { type, value });
      const jump = afterRound(await this.block(statement.body, inner), statement.label);
      if (jump.leaves) return jump.jump;
      await this.#turn();
    }
    return undefined;
  }

  /** An empty round of a loop is a statement too. */
  async #turn(): Promise<void> {
    this.options.execution.signal.throwIfAborted();
    this.#statements += 1;
    if (this.#statements % STATEMENTS_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
  }

  async #guarded(statement: Extract<ScriptStatement, { readonly kind: 'block' }>, frame: Frame): Promise<Jump> {
    const { body, handler, label } = statement;
    let jump: Jump;
    try {
      jump = await this.block(body, { ...frame, variables: new VariableScope(frame.variables) });
    } catch (error) {
      if (handler === undefined || !(error instanceof ScriptFailure)) throw error;
      this.options.execution.signal.throwIfAborted();
      const inner: Frame = { ...frame, error: errorVariables(error) };
      this.#handled.push(error);
      try {
        jump = await this.block(handler, inner);
      } finally {
        this.#handled.pop();
      }
    }
    if (jump?.kind === 'break' && jump.label !== undefined && jump.label.toLowerCase() === label?.toLowerCase())
      return undefined;
    return jump;
  }

  readonly #handled: ScriptFailure[] = [];

  async #raise(statement: Extract<ScriptStatement, { readonly kind: 'raise' }>, frame: Frame): Promise<never> {
    if (statement.message === undefined) {
      const handled = this.#handled.at(-1);
      throw (
        handled ??
        new BigQueryError('invalidQuery', 'Cannot re-raise an existing exception outside of an exception handler')
      );
    }
    const { value } = await evaluate(this.around, frame, statement.message, { kind: 'STRING' });
    if (typeof value !== 'string')
      throw new BigQueryError('invalidQuery', 'The message of RAISE cannot be NULL', { location: 'query' });
    throw new RaisedError(value);
  }

  async #assert(statement: Extract<ScriptStatement, { readonly kind: 'assert' }>, frame: Frame): Promise<undefined> {
    const { description } = statement;
    await this.options.children.note(childOf(this.around, frame, statement, {}), 'ASSERT', async () => {
      if (await condition(this.around, frame, statement.condition)) return;
      throw new BigQueryError(
        'invalidQuery',
        description === undefined ? 'Assertion failed' : `Assertion failed: ${description}`,
        { location: 'query' },
      );
    });
    return undefined;
  }

  #context(frame: Frame): StatementContext {
    const { state, execution, children, createdMs, sessionId, location } = this.options;
    const system = systemVariables({
      projectId: execution.projectId,
      defaultDataset: this.#defaultDataset(),
      location,
      sessionId,
      queryLabel: state.queryLabel,
      lastJobId: state.lastJobId,
      rowCount: state.rowCount,
      currentJobId: execution.jobId,
      script: {
        jobId: execution.jobId,
        createdMs,
        childJobs: children.count,
        bytesProcessed: children.bytesProcessed,
        bytesBilled: children.bytesBilled,
      },
    });
    for (const [path, value] of frame.error ?? []) system.set(path, value);
    return {
      variables: frame.variables.visible(),
      systemVariables: system,
      temporary: state.temporary,
      ...(state.transaction === undefined ? {} : { transaction: state.transaction }),
    };
  }

  #defaultDataset(): QueryConfiguration['defaultDataset'] {
    return this.options.state.defaultDataset ?? this.options.configuration.defaultDataset;
  }

  #inherited(): ReturnType<Surroundings['inherited']> {
    const { state } = this.options;
    return {
      temporaryRoutines: [...state.temporaryRoutines.values()],
      labels: labelsOf(state.queryLabel),
      defaultDataset: this.#defaultDataset(),
    };
  }
}

/** What a loop does after a round that ended with `jump`. */
function afterRound(
  jump: Jump,
  label: string | undefined,
): { readonly leaves: false } | { readonly leaves: true; readonly jump: Jump } {
  if (jump === undefined) return { leaves: false };
  if (jump.kind === 'return') return { leaves: true, jump };
  const mine = jump.label === undefined || jump.label.toLowerCase() === label?.toLowerCase();
  if (!mine) return { leaves: true, jump };
  return jump.kind === 'continue' ? { leaves: false } : { leaves: true, jump: undefined };
}
