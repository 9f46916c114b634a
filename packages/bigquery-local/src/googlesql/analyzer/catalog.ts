// The analyser's catalogs: what a statement may name. Building one costs more than analysing a
// short statement, so one that is asked for again is kept in the analyser, up to a limit.
import { extraSignatures } from '../functions/index.ts';
import type { GType } from '../types.ts';
import type { Message, ZetaSqlClient } from './client.ts';
import { INT64_ALIASES } from './language.ts';
import { typeToProto } from './type-proto.ts';

/** A kept catalog takes about 0.6 MB of the analyser's memory. */
const MAX_KEPT = 24;
const MAX_SEEN = 500;

export type AnalyzerTable = {
  /** As the text names it, quoted parts unsplit. */
  readonly path: readonly string[];
  readonly id: number;
  readonly columns: readonly { readonly name: string; readonly type: GType; readonly hasDefault?: boolean }[];
};

type MutableCatalog = { name: string; table: Message[]; catalog: MutableCatalog[]; [key: string]: unknown };

/** The catalog of an Analyze request: in the request itself, or by number where the analyser has it. */
export type CatalogReference = { readonly simpleCatalog: Message } | { readonly registeredCatalogId: string };

export class CatalogCache {
  readonly #client: ZetaSqlClient;
  /** Insertion order is the order of use, for both. */
  readonly #kept = new Map<string, Promise<string>>();
  readonly #seen = new Set<string>();
  #generation = 0;

  constructor(client: ZetaSqlClient) {
    this.#client = client;
  }

  async reference(tables: readonly AnalyzerTable[], language: Message): Promise<CatalogReference> {
    if (this.#generation !== this.#client.generation) {
      // A new process knows none of them.
      this.#kept.clear();
      this.#generation = this.#client.generation;
    }
    const key = JSON.stringify(tables);
    const kept = this.#kept.get(key);
    if (kept !== undefined) {
      this.#kept.delete(key);
      this.#kept.set(key, kept);
      return { registeredCatalogId: await kept };
    }
    const simpleCatalog = catalogOf(tables, language);
    if (!this.#seen.delete(key)) {
      this.#seen.add(key);
      evictOldest(this.#seen, MAX_SEEN);
      return { simpleCatalog };
    }
    const registered = this.#register(simpleCatalog);
    this.#kept.set(key, registered);
    registered.catch(() => this.#kept.delete(key));
    const evicted = evictOldest(this.#kept, MAX_KEPT);
    if (evicted !== undefined) this.#unregister(evicted[1]);
    return { registeredCatalogId: await registered };
  }

  async #register(simpleCatalog: Message): Promise<string> {
    const response = await this.#client.call('RegisterCatalog', { simpleCatalog });
    return response['registeredId'] as string;
  }

  /** Failing to free a catalog harms nobody: the analyser may have been restarted meanwhile. */
  #unregister(registered: Promise<string>): void {
    const generation = this.#client.generation;
    registered
      .then((registeredId) => {
        return generation === this.#client.generation
          ? this.#client.call('UnregisterCatalog', { registeredId })
          : undefined;
      })
      .catch(() => undefined);
  }
}

function evictOldest<E>(
  collection: { readonly size: number; delete(key: unknown): boolean; entries(): Iterator<E> },
  limit: number,
): E | undefined {
  if (collection.size <= limit) return undefined;
  const entry = collection.entries().next().value as (E & readonly [unknown, unknown]) | undefined;
  if (entry !== undefined) collection.delete(entry[0]);
  return entry;
}

function catalogOf(tables: readonly AnalyzerTable[], language: Message): Message {
  const root: MutableCatalog = { name: 'bigquery', table: [], catalog: [] };
  for (const table of tables) {
    let catalog = root;
    for (const part of table.path.slice(0, -1)) {
      let next = catalog.catalog.find((c) => c.name.toLowerCase() === part.toLowerCase());
      if (next === undefined) {
        next = { name: part, table: [], catalog: [] };
        catalog.catalog.push(next);
      }
      catalog = next;
    }
    catalog.table.push({
      name: table.path.at(-1),
      serializationId: table.id,
      column: table.columns.map((c) => ({
        name: c.name,
        type: typeToProto(c.type),
        ...(c.hasDefault === true ? { hasDefaultValue: true } : {}),
      })),
    });
  }
  return {
    ...root,
    builtinFunctionOptions: { languageOptions: language },
    customFunction: extraSignatures,
    namedType: INT64_ALIASES.map((name) => ({ name, type: { typeKind: 'TYPE_INT64' } })),
  };
}
