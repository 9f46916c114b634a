// sluice.yaml as text with positions: finds syntax errors and tells, for any path inside
// the document, the line and column where it stands.
import { LineCounter, isMap, isNode, isPair, isScalar, isSeq, parseDocument } from 'yaml';
import type { Document, Node, YAMLParseError } from 'yaml';
import { configError } from './problem.ts';

export type Path = readonly (string | number)[];

export class ConfigDocument {
  /** The file's name as the user knows it, relative to where the command runs. */
  readonly file: string;
  readonly #document: Document.Parsed;
  readonly #lines: LineCounter;

  /** Throws an AppError `INVALID_YAML` for text that is not one YAML document. */
  constructor(file: string, text: string) {
    this.file = file;
    this.#lines = new LineCounter();
    // Merge keys and aliases stay bounded: a short file must not unfold into gigabytes.
    this.#document = parseDocument(text, {
      lineCounter: this.#lines,
      prettyErrors: false,
      uniqueKeys: true,
      stringKeys: true,
    });
    if (this.#document.errors.length > 0) {
      throw configError(
        independent(this.#document.errors).map((error) => ({
          code: 'INVALID_YAML',
          message: `${file} is not valid YAML: ${error.message}`,
          where: this.#at(error.pos[0]),
          fix: fixOfSyntax(error, text),
        })),
      );
    }
  }

  /** The document as plain values. */
  toValue(): unknown {
    try {
      return this.#document.toJS({ maxAliasCount: 100 }) as unknown;
    } catch (error) {
      throw configError([
        {
          code: 'INVALID_YAML',
          message: `${this.file} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
          where: this.file,
          fix: 'Use fewer YAML aliases.',
        },
      ]);
    }
  }

  has(path: Path): boolean {
    return this.#document.hasIn(path);
  }

  /** `file:line:column` of the value at `path`, or of the nearest thing around it that exists. */
  placeOfValue(path: Path): string {
    for (let length = path.length; length > 0; length--) {
      const node = this.#node(path.slice(0, length));
      if (node?.range) return this.#at(node.range[0]);
      const key = this.#keyOffset(path.slice(0, length));
      if (key !== undefined) return this.#at(key);
    }
    return `${this.file}:1:1`;
  }

  /** `file:line:column` of the key at `path`, or of the nearest thing around it that exists. */
  placeOfKey(path: Path): string {
    for (let length = path.length; length > 0; length--) {
      const offset = this.#keyOffset(path.slice(0, length));
      if (offset !== undefined) return this.#at(offset);
    }
    return `${this.file}:1:1`;
  }

  #node(path: Path): Node | undefined {
    const node = this.#document.getIn(path, true);
    return isNode(node) ? node : undefined;
  }

  #keyOffset(path: Path): number | undefined {
    const last = path.at(-1);
    const parent = path.length === 1 ? this.#document.contents : this.#node(path.slice(0, -1));
    if (isSeq(parent)) {
      const item = parent.items[Number(last)];
      return isNode(item) ? item.range?.[0] : undefined;
    }
    if (!isMap(parent)) return undefined;
    for (const item of parent.items) {
      if (isPair(item) && isScalar(item.key) && String(item.key.value) === String(last)) return item.key.range?.[0];
    }
    return undefined;
  }

  #at(offset: number): string {
    const { line, col } = this.#lines.linePos(offset);
    return `${this.file}:${line}:${col}`;
  }
}

/** The first error, and whatever else is no consequence of it. */
function independent(errors: readonly YAMLParseError[]): YAMLParseError[] {
  const inOrder = [...errors].sort((a, b) => a.pos[0] - b.pos[0]);
  const first = inOrder.find(({ code }) => code !== 'DUPLICATE_KEY');
  return inOrder.filter((error) => error === first || error.code === 'DUPLICATE_KEY');
}

function fixOfSyntax({ code, pos: [at] }: YAMLParseError, text: string): string {
  const variable = /^\{[A-Za-z_]\w*\}/.exec(text.slice(at))?.[0];
  if (variable !== undefined && text[at - 1] === '$')
    return `Write "$${variable}" in quotes: inside { } YAML takes the braces for its own.`;
  switch (code) {
    case 'DUPLICATE_KEY':
      return 'Keep one of the two entries.';
    case 'TAB_AS_INDENT':
      return 'Indent with spaces.';
    case 'BAD_INDENT':
      return 'Entries of one block must start in the same column.';
    case 'MULTIPLE_DOCS':
      return 'Keep one document: remove the line "---" in the middle.';
    default:
      return 'Check the line and the one before it for a missing colon, quote or bracket.';
  }
}
