// What makes a script invalid before any of it runs: misplaced or repeated declarations,
// BREAK and CONTINUE outside of loops, labels that nothing carries.
import { invalidQuery } from '../analyzer/analyzer-error.ts';
import { atPlace, type Block, type Name, type Script, type ScriptStatement } from './script.ts';

type Around = {
  /** In lower case; of this block and those around it. */
  readonly variables: Set<string>;
  readonly labels: readonly { readonly name: string; readonly loop: boolean }[];
  readonly inLoop: boolean;
  readonly inHandler: boolean;
};

/** `known`: variables that exist before the script begins, as those of a procedure. Throws `invalidQuery`. */
export function checkScript(script: Script, known: Iterable<string> = []): void {
  const variables = new Set([...known].map((name) => name.toLowerCase()));
  new Checker(script.text).block(script.statements, { variables, labels: [], inLoop: false, inHandler: false }, true);
}

class Checker {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  block(block: Block, around: Around, mayDeclare: boolean): void {
    let atStart = mayDeclare;
    for (const statement of block) {
      if (statement.kind === 'declare') {
        if (!atStart)
          throw this.#error(
            'Variable declarations are allowed only at the start of a block or script',
            statement.start,
          );
        for (const name of statement.names) this.#declare(name, around);
      } else atStart = false;
      this.#statement(statement, around);
    }
  }

  #declare(name: Name, around: Around): void {
    const key = name.name.toLowerCase();
    if (around.variables.has(key)) throw this.#error(`Variable '${name.name}' redeclaration`, name.start);
    around.variables.add(key);
  }

  #statement(statement: ScriptStatement, around: Around): void {
    switch (statement.kind) {
      case 'if':
      case 'case':
        for (const { body } of statement.branches) this.block(body, around, false);
        if (statement.otherwise !== undefined) this.block(statement.otherwise, around, false);
        return;
      case 'while':
      case 'repeat':
        this.block(statement.body, this.#labelled({ ...around, inLoop: true }, statement, true), false);
        return;
      case 'for': {
        const inner = { ...around, inLoop: true, variables: new Set(around.variables) };
        this.#declare(statement.variable, inner);
        this.block(statement.body, this.#labelled(inner, statement, true), false);
        return;
      }
      case 'block': {
        const inner = this.#labelled({ ...around, variables: new Set(around.variables) }, statement, false);
        this.block(statement.body, inner, true);
        if (statement.handler !== undefined)
          this.block(statement.handler, this.#labelled({ ...around, inHandler: true }, statement, false), false);
        return;
      }
      case 'break':
      case 'continue':
        this.#jump(statement, around);
        return;
      case 'raise':
        if (statement.message === undefined && !around.inHandler)
          throw this.#error('Cannot re-raise an existing exception outside of an exception handler', statement.start);
        return;
      default:
    }
  }

  #labelled(
    around: Around,
    statement: ScriptStatement & { readonly label: string | undefined },
    loop: boolean,
  ): Around {
    const { label } = statement;
    if (label === undefined) return around;
    if (around.labels.some(({ name }) => name === label.toLowerCase()))
      throw this.#error(`Nested labels are not allowed to repeat: ${label}`, statement.start);
    return { ...around, labels: [...around.labels, { name: label.toLowerCase(), loop }] };
  }

  #jump(statement: Extract<ScriptStatement, { readonly kind: 'break' | 'continue' }>, around: Around): void {
    const { label, keyword } = statement;
    if (label === undefined) {
      if (around.inLoop) return;
      throw this.#error(`${keyword} without label is only allowed inside of a loop body`, statement.start);
    }
    const found = around.labels.find(({ name }) => name === label.name.toLowerCase());
    if (found === undefined)
      throw this.#error(`Label ${label.name} does not name a block or loop around it`, label.start);
    if (statement.kind === 'continue' && !found.loop)
      throw this.#error(`${keyword} needs the label of a loop; ${label.name} is a block`, label.start);
  }

  #error(message: string, offset: number): Error {
    return invalidQuery(`${message}${atPlace(this.#text, offset)}`);
  }
}
