// The analyser's parse tree of a script (`ASTScriptProto`) → our own tree.
import { invalidQuery, statementName, unsupported } from '../analyzer/analyzer-error.ts';
import { has, isMessage, items, nodeOf, part, parts, text, type Message } from '../resolve/message.ts';
import { atPlace, type Block, type Name, type Script, type ScriptStatement, type Span } from './script.ts';

/** Blocks in blocks: BigQuery's limit. */
const MAX_NESTING = 50;

/** Throws `invalidQuery` for what the parser takes and no script may hold. */
export function parseScript(tree: unknown, sql: string, tables: readonly (readonly string[])[]): Script {
  if (!isMessage(tree)) throw new Error("The analyser's answer lacks a script.");
  const reader = new TreeReader(sql);
  const statements = reader.list(part(tree, 'statementListNode'), 0);
  return { text: sql, statements, positional: reader.positional(tree), tables };
}

class TreeReader {
  readonly #sql: string;
  /** UTF-8 offset → UTF-16 offset; undefined where they are the same. */
  readonly #offsets: Uint32Array | undefined;

  constructor(sql: string) {
    this.#sql = sql;
    this.#offsets = offsetsOf(sql);
  }

  list(node: Message, depth: number): Block {
    if (depth > MAX_NESTING)
      throw invalidQuery(
        `Maximum nesting level of scripting statements exceeded: ${MAX_NESTING}${atPlace(this.#sql, this.#span(node).start)}`,
      );
    return items(node, 'statementList').map((statement) => this.#statement(statement, depth));
  }

  /** Places of all `?`. The parser numbers them in order. */
  positional(tree: unknown): number[] {
    const found: number[] = [];
    const visit = (value: unknown): void => {
      if (Array.isArray(value)) for (const item of value) visit(item);
      if (!isMessage(value)) return;
      if (value['node'] === 'astParameterExprNode') {
        const parameter = part(value, 'astParameterExprNode');
        if (!has(parameter, 'name')) found.push(this.#span(parameter).start);
      }
      for (const item of Object.values(value)) visit(item);
    };
    visit(tree);
    return found.sort((a, b) => a - b);
  }

  #statement(value: unknown, depth: number): ScriptStatement {
    const { kind, fields } = nodeOf(value);
    const span = this.#span(fields);
    switch (kind) {
      case 'astVariableDeclarationNode':
        return {
          ...span,
          kind: 'declare',
          names: parts(part(fields, 'variableList'), 'identifierList').map((name) => this.#name(name)),
          type: this.#optional(fields['type']),
          value: this.#optional(fields['defaultValue']),
        };
      case 'astSingleAssignmentNode':
        return {
          ...span,
          kind: 'set',
          name: this.#name(part(fields, 'variable')),
          value: this.#expression(fields['expression']),
        };
      case 'astAssignmentFromStructNode':
        return {
          ...span,
          kind: 'set_struct',
          names: parts(part(fields, 'variables'), 'identifierList').map((name) => this.#name(name)),
          value: this.#expression(fields['structExpression']),
        };
      case 'astSystemVariableAssignmentNode':
        return {
          ...span,
          kind: 'set_system',
          path: namesOf(part(part(fields, 'systemVariable'), 'path')),
          value: this.#expression(fields['expression']),
        };
      case 'astIfStatementNode':
        return this.#if(fields, span, depth);
      case 'astCaseStatementNode':
        return {
          ...span,
          kind: 'case',
          operand: this.#optional(fields['expression']),
          branches: parts(part(fields, 'whenThenClauses'), 'whenThenClauses').map((clause) => ({
            condition: this.#expression(clause['condition']),
            body: this.list(part(clause, 'body'), depth + 1),
          })),
          otherwise: this.#optionalList(fields, 'elseList', depth),
        };
      case 'astWhileStatementNode':
        return {
          ...span,
          kind: 'while',
          label: labelOf(fields),
          condition: this.#optional(fields['condition']),
          body: this.list(part(fields, 'body'), depth + 1),
        };
      case 'astRepeatStatementNode':
        return {
          ...span,
          kind: 'repeat',
          label: labelOf(fields),
          until: this.#expression(part(fields, 'untilClause')['condition']),
          body: this.list(part(fields, 'body'), depth + 1),
        };
      case 'astForInStatementNode':
        return {
          ...span,
          kind: 'for',
          label: labelOf(fields),
          variable: this.#name(part(fields, 'variable')),
          query: this.#span(part(fields, 'query')),
          body: this.list(part(fields, 'body'), depth + 1),
        };
      case 'astBreakStatementNode':
      case 'astContinueStatementNode':
        return {
          ...span,
          kind: kind === 'astBreakStatementNode' ? 'break' : 'continue',
          label: has(fields, 'label') ? this.#name(part(part(fields, 'label'), 'name')) : undefined,
          keyword: text(fields, 'keyword'),
        };
      case 'astBeginEndBlockNode':
        return this.#block(fields, span, depth);
      case 'astRaiseStatementNode':
        return { ...span, kind: 'raise', message: this.#optional(fields['message']) };
      case 'astReturnStatementNode':
        return { ...span, kind: 'return' };
      case 'astExecuteImmediateStatementNode':
        return this.#executeImmediate(fields, span);
      case 'astAssertStatementNode':
        return {
          ...span,
          kind: 'assert',
          condition: this.#expression(fields['expr']),
          description: has(fields, 'description') ? text(part(fields, 'description'), 'stringValue') : undefined,
        };
      case 'astCallStatementNode':
        return {
          ...span,
          kind: 'call',
          procedure: namesOf(part(fields, 'procedureName')),
          arguments: parts(fields, 'arguments').map((argument) => {
            if (!isMessage(argument['expr'])) throw unsupported('A table argument of CALL');
            return { ...this.#expression(argument['expr']), variable: variableOf(argument['expr']) };
          }),
        };
      case 'astBeginStatementNode':
        return { ...span, kind: 'begin_transaction' };
      case 'astCommitStatementNode':
        return { ...span, kind: 'commit' };
      case 'astRollbackStatementNode':
        return { ...span, kind: 'rollback' };
      case 'astParameterAssignmentNode':
        throw invalidQuery(`Query parameters cannot be assigned to${atPlace(this.#sql, span.start)}`);
      case 'astSetTransactionStatementNode':
      case 'astStartBatchStatementNode':
      case 'astRunBatchStatementNode':
      case 'astAbortBatchStatementNode':
        throw unsupported(statementName(kind.replace(/^ast/, '')));
      default:
        return { ...span, kind: 'sql', node: kind };
    }
  }

  #if(fields: Message, span: Span, depth: number): ScriptStatement {
    const clauses = has(fields, 'elseifClauses') ? parts(part(fields, 'elseifClauses'), 'elseifClauses') : [];
    return {
      ...span,
      kind: 'if',
      branches: [
        {
          condition: this.#expression(fields['condition']),
          body: this.list(part(fields, 'thenList'), depth + 1),
        },
        ...clauses.map((clause) => ({
          condition: this.#expression(clause['condition']),
          body: this.list(part(clause, 'body'), depth + 1),
        })),
      ],
      otherwise: this.#optionalList(fields, 'elseList', depth),
    };
  }

  #block(fields: Message, span: Span, depth: number): ScriptStatement {
    const handlers = has(fields, 'handlerList') ? parts(part(fields, 'handlerList'), 'exceptionHandlerList') : [];
    return {
      ...span,
      kind: 'block',
      label: labelOf(fields),
      body: this.list(part(fields, 'statementListNode'), depth + 1),
      handler: handlers[0] === undefined ? undefined : this.list(part(handlers[0], 'statementList'), depth + 1),
    };
  }

  #executeImmediate(fields: Message, span: Span): ScriptStatement {
    const into = has(fields, 'intoClause')
      ? parts(part(part(fields, 'intoClause'), 'identifiers'), 'identifierList')
      : [];
    const using = has(fields, 'usingClause') ? parts(part(fields, 'usingClause'), 'arguments') : [];
    return {
      ...span,
      kind: 'execute_immediate',
      sql: this.#expression(fields['sql']),
      into: into.map((name) => this.#name(name)),
      using: using.map((argument) => ({
        value: this.#expression(argument['expression']),
        alias: has(argument, 'alias') ? text(part(part(argument, 'alias'), 'identifier'), 'idString') : undefined,
      })),
    };
  }

  #optionalList(fields: Message, key: string, depth: number): Block | undefined {
    return has(fields, key) ? this.list(part(fields, key), depth + 1) : undefined;
  }

  #optional(value: unknown): Span | undefined {
    return isMessage(value) ? this.#expression(value) : undefined;
  }

  #expression(value: unknown): Span {
    return this.#span(nodeOf(value).fields);
  }

  #name(identifier: Message): Name {
    return { ...this.#span(identifier), name: text(identifier, 'idString') };
  }

  #span(fields: Message): Span {
    const range = part(fields, 'parseLocationRange');
    return { start: this.#offset(Number(range['start'] ?? 0)), end: this.#offset(Number(range['end'] ?? 0)) };
  }

  #offset(bytes: number): number {
    return this.#offsets === undefined ? bytes : (this.#offsets[bytes] ?? this.#sql.length);
  }
}

function labelOf(fields: Message): string | undefined {
  return has(fields, 'label') ? text(part(part(fields, 'label'), 'name'), 'idString') : undefined;
}

function namesOf(path: Message): string[] {
  return parts(path, 'names').map((name) => text(name, 'idString'));
}

function variableOf(value: unknown): string | undefined {
  const { kind, fields } = nodeOf(value);
  const names = kind === 'astPathExpressionNode' ? namesOf(fields) : [];
  return names.length === 1 ? names[0] : undefined;
}

function offsetsOf(sql: string): Uint32Array | undefined {
  const size = Buffer.byteLength(sql);
  if (size === sql.length) return undefined;
  const offsets = new Uint32Array(size + 1);
  let bytes = 0;
  let units = 0;
  for (const character of sql) {
    offsets[bytes] = units;
    bytes += Buffer.byteLength(character);
    units += character.length;
  }
  offsets[bytes] = units;
  return offsets;
}
