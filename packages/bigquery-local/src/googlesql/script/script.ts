// A script as the interpreter runs it: our own tree of statements, each with its place in
// the text. What is one job by itself (queries, DML, DDL) is kept as text.
// Source: "Procedural language" of the GoogleSQL reference for BigQuery.

/** A part of the script's text, in UTF-16 code units; `end` is behind its last character. */
export type Span = { readonly start: number; readonly end: number };

export type Name = Span & { readonly name: string };

export type Block = readonly ScriptStatement[];

type Body =
  /** One statement that is a job of its own; `node` is its kind in the parse tree. */
  | { readonly kind: 'sql'; readonly node: string }
  | {
      readonly kind: 'declare';
      readonly names: readonly Name[];
      readonly type: Span | undefined;
      readonly value: Span | undefined;
    }
  | { readonly kind: 'set'; readonly name: Name; readonly value: Span }
  | { readonly kind: 'set_struct'; readonly names: readonly Name[]; readonly value: Span }
  | { readonly kind: 'set_system'; readonly path: readonly string[]; readonly value: Span }
  | {
      readonly kind: 'if';
      readonly branches: readonly { readonly condition: Span; readonly body: Block }[];
      readonly otherwise: Block | undefined;
    }
  | {
      readonly kind: 'case';
      /** Undefined in `CASE WHEN condition`. */
      readonly operand: Span | undefined;
      readonly branches: readonly { readonly condition: Span; readonly body: Block }[];
      readonly otherwise: Block | undefined;
    }
  /** LOOP has no condition. */
  | {
      readonly kind: 'while';
      readonly label: string | undefined;
      readonly condition: Span | undefined;
      readonly body: Block;
    }
  | { readonly kind: 'repeat'; readonly label: string | undefined; readonly until: Span; readonly body: Block }
  | {
      readonly kind: 'for';
      readonly label: string | undefined;
      readonly variable: Name;
      readonly query: Span;
      readonly body: Block;
    }
  | { readonly kind: 'break' | 'continue'; readonly label: Name | undefined; readonly keyword: string }
  | {
      readonly kind: 'block';
      readonly label: string | undefined;
      readonly body: Block;
      readonly handler: Block | undefined;
    }
  | { readonly kind: 'raise'; readonly message: Span | undefined }
  | { readonly kind: 'return' }
  | {
      readonly kind: 'execute_immediate';
      readonly sql: Span;
      readonly into: readonly Name[];
      readonly using: readonly { readonly value: Span; readonly alias: string | undefined }[];
    }
  | { readonly kind: 'assert'; readonly condition: Span; readonly description: string | undefined }
  | { readonly kind: 'call'; readonly procedure: readonly string[]; readonly arguments: readonly CallArgument[] }
  | { readonly kind: 'begin_transaction' | 'commit' | 'rollback' };

/** `variable`: the argument is nothing but this name, so that an OUT parameter may write to it. */
export type CallArgument = Span & { readonly variable: string | undefined };

export type ScriptStatement = Span & Body;

export type Script = {
  readonly text: string;
  readonly statements: Block;
  /** Where the positional parameters `?` are, in order. */
  readonly positional: readonly number[];
  /** Paths of the tables that its statements name, as far as they can be told. */
  readonly tables: readonly (readonly string[])[];
};

/**
 * Whether the text is one statement, perhaps behind CREATE TEMP FUNCTION statements for it:
 * then the job is that statement, and no script.
 */
export function isOneStatement(script: Script): boolean {
  const last = script.statements.at(-1);
  if (last?.kind !== 'sql' || isTemporaryFunction(script, last))
    return script.statements.length === 1 && last?.kind === 'sql';
  return script.statements.slice(0, -1).every((statement) => isTemporaryFunction(script, statement));
}

function isTemporaryFunction(script: Script, statement: ScriptStatement): boolean {
  return (
    statement.kind === 'sql' &&
    statement.node === 'astCreateFunctionStatementNode' &&
    /^create\s+(or\s+replace\s+)?temp/i.test(script.text.slice(statement.start, statement.end))
  );
}

/** Line and column, both from 1; the column counts characters. */
export function placeOf(text: string, offset: number): { readonly line: number; readonly column: number } {
  const before = text.slice(0, offset);
  const lineStart = before.lastIndexOf('\n') + 1;
  return { line: before.split('\n').length, column: characters(before.slice(lineStart)) + 1 };
}

/** BigQuery's ` at [line:column]`. */
export function atPlace(text: string, offset: number): string {
  const { line, column } = placeOf(text, offset);
  return ` at [${line}:${column}]`;
}

/** Code points: a surrogate pair is one. */
function characters(text: string): number {
  return text.replaceAll(/[\uD800-\uDBFF][\uDC00-\uDFFF]/g, '_').length;
}
