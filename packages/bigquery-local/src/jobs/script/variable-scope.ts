// The variables of a script: scopes in scopes, names without regard to case. A variable
// keeps the type of its declaration.
// Source: DECLARE and SET of the procedural language; "Quotas": size of variables.
import { BigQueryError } from '../../bigquery-error.ts';
import type { GType, TypedValue, Value } from '../../googlesql/types.ts';

/** BigQuery: a variable at most 1 MB, all of a script 10 MB. */
const MAX_BYTES = 1024 * 1024;
const MAX_TOTAL_BYTES = 10 * MAX_BYTES;

export class VariableScope {
  readonly #parent: VariableScope | undefined;
  readonly #own = new Map<string, TypedValue>();

  constructor(parent?: VariableScope) {
    this.#parent = parent;
  }

  /** Declares it in this scope. */
  declare(name: string, value: TypedValue): void {
    this.#own.set(name.toLowerCase(), value);
    this.#checkSize(name, value);
  }

  typeOf(name: string): GType | undefined {
    return this.#find(name)?.get(name.toLowerCase())?.type;
  }

  get(name: string): TypedValue | undefined {
    return this.#find(name)?.get(name.toLowerCase());
  }

  /** `value` has the variable's type. */
  set(name: string, value: TypedValue): void {
    const owner = this.#find(name);
    if (owner === undefined) throw undeclared(name);
    owner.set(name.toLowerCase(), value);
    this.#checkSize(name, value);
  }

  /** All that can be seen from here, by names in lower case. */
  visible(): Map<string, TypedValue> {
    const all = this.#parent?.visible() ?? new Map<string, TypedValue>();
    for (const [name, value] of this.#own) all.set(name, value);
    return all;
  }

  #find(name: string): Map<string, TypedValue> | undefined {
    if (this.#own.has(name.toLowerCase())) return this.#own;
    return this.#parent === undefined ? undefined : this.#parent.#find(name);
  }

  #checkSize(name: string, value: TypedValue): void {
    const size = sizeOf(value.value);
    if (size < MAX_BYTES / 16) return;
    if (size > MAX_BYTES)
      throw new BigQueryError(
        'resourcesExceeded',
        `Variable ${name} exceeds the maximum size of ${MAX_BYTES} bytes: it has about ${size}.`,
      );
    let total = 0;
    for (const other of this.visible().values()) total += sizeOf(other.value);
    if (total > MAX_TOTAL_BYTES)
      throw new BigQueryError(
        'resourcesExceeded',
        `The variables of the script exceed the maximum size of ${MAX_TOTAL_BYTES} bytes in total.`,
      );
  }
}

export function undeclared(name: string): BigQueryError {
  return new BigQueryError('invalidQuery', `Undeclared variable: ${name}`, { location: 'query' });
}

function sizeOf(value: Value): number {
  if (typeof value === 'string') return 2 + Buffer.byteLength(value);
  if (value instanceof Uint8Array) return 2 + value.byteLength;
  if (Array.isArray(value)) return (value as readonly Value[]).reduce((sum: number, item) => sum + sizeOf(item), 0);
  return 8;
}
