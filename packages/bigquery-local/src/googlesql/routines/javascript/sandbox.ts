// Runs JavaScript functions in QuickJS, an interpreter in WebAssembly: no code in it reaches the host, its files,
// its network or its clock's time zone. Memory, stack and time are bounded. A function keeps its interpreter for
// one statement; the least recently used are freed.
import {
  newQuickJSWASMModule,
  type QuickJSContext,
  type QuickJSHandle,
  type QuickJSWASMModule,
} from 'quickjs-emscripten';
import { PRELUDE } from './prelude.ts';

/** BigQuery's own limit for the data of one row is about 5 MB; code and copies of it need room too. */
const MEMORY_BYTES = 32 * 1024 * 1024;
/** The interpreter's own stack in WebAssembly overflows, past repair, not far above this. */
const STACK_BYTES = 128 * 1024;
const MAX_INTERPRETERS = 8;
/** Interpreters that nothing calls any more are freed after this time. */
const IDLE_MS = 60_000;
/** No other request is answered while a batch of rows is computed. */
export const MAX_BATCH_MS = 10_000;
/** For all rows of one function in one statement. */
export const MAX_STATEMENT_MS = 120_000;

/** The type of an argument or result: `name` is for messages. */
export type ScriptType = {
  readonly kind: string;
  readonly name: string;
  readonly element?: ScriptType;
  readonly fields?: readonly { readonly name: string; readonly type: ScriptType }[];
};

export type ScriptFunction = {
  /** Tells the functions of one statement from equal ones of others. */
  readonly statement: number;
  readonly body: string;
  readonly names: readonly string[];
  readonly args: readonly ScriptType[];
  readonly returns: ScriptType;
};

let loading: Promise<void> | undefined;
let engine: QuickJSWASMModule | undefined;
/** In order of use. */
const interpreters = new Map<string, Interpreter>();
let idle: NodeJS.Timeout | undefined;

/** Before a statement with JavaScript functions runs: loads the engine, in about 20 ms, the first time. */
export function prepareSandbox(): Promise<void> {
  loading ??= newQuickJSWASMModule().then(
    (loaded) => {
      engine = loaded;
    },
    (error: unknown) => {
      loading = undefined;
      throw error;
    },
  );
  return loading;
}

/**
 * Calls the function for each row. `definition` is the JSON text of a ScriptFunction, a row the JSON text of its
 * arguments; results are JSON texts. Throws with BigQuery's text of what the function throws.
 */
export function callScript(definition: string, rows: readonly string[]): (string | null)[] {
  let interpreter = interpreters.get(definition);
  if (interpreter === undefined) {
    if (engine === undefined) throw new Error('The JavaScript sandbox is not loaded.');
    interpreter = new Interpreter(engine, JSON.parse(definition) as ScriptFunction);
  }
  interpreters.delete(definition);
  interpreters.set(definition, interpreter);
  try {
    idle?.refresh();
    idle ??= setInterval(freeInterpreters, IDLE_MS).unref();
    for (const [key, oldest] of interpreters) {
      if (interpreters.size <= MAX_INTERPRETERS) break;
      interpreters.delete(key);
      oldest.dispose();
    }
    return interpreter.call(rows);
  } catch (error) {
    interpreters.delete(definition);
    if (error instanceof ScriptError) interpreter.dispose();
    else abandonEngine();
    throw error;
  }
}

/** A statement that still runs makes its functions anew. */
function freeInterpreters(): void {
  clearInterval(idle);
  idle = undefined;
  for (const interpreter of interpreters.values()) interpreter.dispose();
  interpreters.clear();
}

/** After an abort inside WebAssembly its memory is not to be trusted: the next statement gets a new one. */
function abandonEngine(): void {
  interpreters.clear();
  engine = undefined;
  loading = undefined;
}

/** What goes wrong inside the sandbox; the message is the caller's. */
class ScriptError extends Error {}

type Bridge = { readonly user: QuickJSHandle; readonly call: QuickJSHandle; readonly settled: QuickJSHandle };

class Interpreter {
  readonly #context: QuickJSContext;
  readonly #script: ScriptFunction;
  readonly #parameters: string;
  readonly #handles: QuickJSHandle[] = [];
  #bridge: Bridge | undefined;
  #deadlineMs = 0;
  #usedMs = 0;

  constructor(module: QuickJSWASMModule, script: ScriptFunction) {
    const runtime = module.newRuntime();
    runtime.setMemoryLimit(MEMORY_BYTES);
    runtime.setMaxStackSize(STACK_BYTES);
    runtime.setInterruptHandler(() => Date.now() > this.#deadlineMs);
    this.#context = runtime.newContext();
    this.#script = script;
    this.#parameters = script.names.join(', ');
  }

  call(rows: readonly string[]): (string | null)[] {
    const startMs = Date.now();
    this.#deadlineMs = startMs + Math.min(MAX_BATCH_MS, MAX_STATEMENT_MS - this.#usedMs);
    try {
      const bridge = (this.#bridge ??= this.#open());
      return rows.map((row) => this.#one(bridge, row));
    } finally {
      this.#usedMs += Date.now() - startMs;
    }
  }

  #one({ user, call, settled }: Bridge, row: string): string | null {
    const context = this.#context;
    const text = context.newString(row);
    try {
      const first = this.#text(this.#unwrap(context.callFunction(call, context.undefined, user, text)));
      if (first !== undefined) return first;
      // A promise: nothing in here waits for the outside, so that its jobs settle it or nothing does.
      const jobs = context.runtime.executePendingJobs();
      if (jobs.error !== undefined) throw this.#thrown(jobs.error);
      return this.#text(this.#unwrap(context.callFunction(settled, context.undefined))) ?? null;
    } finally {
      text.dispose();
    }
  }

  #open(): Bridge {
    const context = this.#context;
    const { args, returns, body } = this.#script;
    const make = this.#owned(this.#unwrap(context.evalCode(PRELUDE, 'prelude.js')));
    const spec = this.#owned(context.newString(JSON.stringify({ args, returns })));
    const bridge = this.#owned(this.#unwrap(context.callFunction(make, context.undefined, spec)));
    return {
      user: this.#owned(this.#unwrap(context.evalCode(`${this.#head()}${body}\n})`, SCRIPT_FILE))),
      call: this.#owned(context.getProp(bridge, 'call')),
      settled: this.#owned(context.getProp(bridge, 'settled')),
    };
  }

  /** Freed with the interpreter. */
  #owned(handle: QuickJSHandle): QuickJSHandle {
    this.#handles.push(handle);
    return handle;
  }

  #head(): string {
    return `(function ${FUNCTION_NAME}(${this.#parameters}) {`;
  }

  /** Undefined for undefined, null for null; frees the handle. */
  #text(handle: QuickJSHandle): string | null | undefined {
    try {
      const type = this.#context.typeof(handle);
      if (type === 'undefined') return undefined;
      return type === 'string' ? this.#context.getString(handle) : null;
    } finally {
      handle.dispose();
    }
  }

  #unwrap(result: ReturnType<QuickJSContext['callFunction']>): QuickJSHandle {
    if (result.error === undefined) return result.value;
    throw this.#thrown(result.error);
  }

  #thrown(error: QuickJSHandle): ScriptError {
    try {
      return this.#failure(this.#context.dump(error));
    } finally {
      error.dispose();
    }
  }

  #failure(thrown: unknown): ScriptError {
    const { name, message, stack } = (typeof thrown === 'object' && thrown !== null ? thrown : {}) as {
      name?: unknown;
      message?: unknown;
      stack?: unknown;
    };
    if (name === 'InternalError' && message === 'interrupted')
      return new ScriptError('Resources exceeded during query execution: UDF timed out.');
    if (name === 'InternalError' && message === 'out of memory')
      return new ScriptError('Resources exceeded during query execution: UDF out of memory.');
    if (name === 'InternalError' && message === 'stack overflow')
      return new ScriptError(`RangeError: Maximum call stack size exceeded${this.#place(stack)}`);
    if (typeof message === 'string' && message.startsWith('Failed to coerce output value '))
      return new ScriptError(message);
    const text =
      typeof name === 'string' && typeof message === 'string'
        ? `${name}: ${message}`
        : typeof thrown === 'string'
          ? thrown
          : JSON.stringify(thrown);
    return new ScriptError(`${text}${this.#place(stack)}`);
  }

  /** ` at UDF$1(STRING, FLOAT64) line 7, columns 8-9`. */
  #place(stack: unknown): string {
    const types = this.#script.args.map(({ name }) => name).join(', ');
    const where = typeof stack === 'string' ? /udf\.js:(\d+)(?::(\d+))?/.exec(stack) : null;
    if (where === null) return ` at ${FUNCTION_NAME}(${types})`;
    const line = Number(where[1]);
    // Columns count from 0; the first line begins behind the head.
    const column = where[2] === undefined ? undefined : Number(where[2]) - 1 - (line === 1 ? this.#head().length : 0);
    const columns = column === undefined ? '' : `, columns ${Math.max(column, 0)}-${Math.max(column, 0) + 1}`;
    return ` at ${FUNCTION_NAME}(${types}) line ${line}${columns}`;
  }

  dispose(): void {
    const { runtime } = this.#context;
    for (const handle of this.#handles.splice(0)) handle.dispose();
    this.#bridge = undefined;
    this.#context.dispose();
    runtime.dispose();
  }
}

const SCRIPT_FILE = 'udf.js';
const FUNCTION_NAME = 'UDF$1';
