// The analyser's catalogs: what a statement may name. Building one costs ten times as much as analysing
// a short statement, so they are kept in the analyser, up to a limit; one in use is not freed.
import { extraSignatures } from '../functions/index.ts';
import type { AnalyzerRoutine } from '../routines/signature.ts';
import type { GType } from '../types.ts';
import type { Message, ZetaSqlClient } from './client.ts';
import { INT64_ALIASES } from './language.ts';
import { typeToProto } from './type-proto.ts';

/** A catalog takes about 0.6 MB of the analyser's memory. */
const MAX_USED_AGAIN = 24;
const MAX_USED_ONCE = 12;

export type AnalyzerTable = {
  /** As the text names it, quoted parts unsplit. */
  readonly path: readonly string[];
  readonly id: number;
  readonly columns: readonly {
    readonly name: string;
    readonly type: GType;
    readonly hasDefault?: boolean;
    readonly collation?: string;
    /** Readable by its name, not part of `*`. */
    readonly isPseudo?: boolean;
  }[];
};

type MutableCatalog = {
  name: string;
  table: Message[];
  customFunction: Message[];
  customTvf: Message[];
  catalog: MutableCatalog[];
};

/** A catalog that the analyser has under a number, until it is released. */
export type CatalogLease = { readonly registeredCatalogId: string; readonly release: () => void };

type Registered = {
  readonly id: Promise<string>;
  readonly generation: number;
  users: number;
  evicted: boolean;
};

export class CatalogCache {
  readonly #client: ZetaSqlClient;
  /** Insertion order is the order of use, for both. What is asked for once does not push out what is asked for often. */
  readonly #usedOnce = new Map<string, Registered>();
  readonly #usedAgain = new Map<string, Registered>();
  #generation = 0;

  constructor(client: ZetaSqlClient) {
    this.#client = client;
  }

  /** `constants`: what the text may name besides columns, with their types. */
  async lease(
    tables: readonly AnalyzerTable[],
    language: Message,
    constants: ReadonlyMap<string, GType> = new Map(),
    routines: readonly AnalyzerRoutine[] = [],
  ): Promise<CatalogLease> {
    if (this.#generation !== this.#client.generation) {
      // A new process knows none of them.
      this.#usedOnce.clear();
      this.#usedAgain.clear();
      this.#generation = this.#client.generation;
    }
    const registered = this.#take(JSON.stringify([tables, routines, ...constants]), () =>
      catalogOf(tables, language, constants, routines),
    );
    registered.users += 1;
    const release = (): void => {
      registered.users -= 1;
      this.#free(registered);
    };
    try {
      return { registeredCatalogId: await registered.id, release };
    } catch (error) {
      release();
      throw error;
    }
  }

  #take(key: string, catalog: () => Message): Registered {
    const known = this.#usedAgain.get(key) ?? this.#usedOnce.get(key);
    if (known !== undefined) {
      this.#usedOnce.delete(key);
      this.#usedAgain.delete(key);
      this.#usedAgain.set(key, known);
      this.#evict(this.#usedAgain, MAX_USED_AGAIN);
      return known;
    }
    const id = this.#register(catalog());
    const registered: Registered = { id, generation: this.#client.generation, users: 0, evicted: false };
    this.#usedOnce.set(key, registered);
    id.catch(() => {
      for (const map of [this.#usedOnce, this.#usedAgain]) if (map.get(key) === registered) map.delete(key);
    });
    this.#evict(this.#usedOnce, MAX_USED_ONCE);
    return registered;
  }

  async #register(simpleCatalog: Message): Promise<string> {
    const response = await this.#client.call('RegisterCatalog', { simpleCatalog });
    return response['registeredId'] as string;
  }

  #evict(map: Map<string, Registered>, limit: number): void {
    if (map.size <= limit) return;
    const [oldest] = map;
    if (oldest === undefined) return;
    map.delete(oldest[0]);
    oldest[1].evicted = true;
    this.#free(oldest[1]);
  }

  /** Failing to free a catalog harms nobody: the analyser may have been restarted meanwhile. */
  #free({ id, generation, users, evicted }: Registered): void {
    if (!evicted || users > 0) return;
    id.then((registeredId) =>
      generation === this.#client.generation ? this.#client.call('UnregisterCatalog', { registeredId }) : undefined,
    ).catch(() => undefined);
  }
}

/** An AnnotationMapProto with a collation, which is annotation 1. */
function collationAnnotation(name: string): Message {
  return { annotations: [{ id: 1, value: { stringValue: name } }] };
}

function catalogOf(
  tables: readonly AnalyzerTable[],
  language: Message,
  constants: ReadonlyMap<string, GType>,
  routines: readonly AnalyzerRoutine[],
): Message {
  const root = emptyCatalog('bigquery');
  for (const { path, kind, proto } of routines) {
    const catalog = catalogAt(root, path);
    (kind === 'function' ? catalog.customFunction : catalog.customTvf).push(proto);
  }
  for (const table of tables) {
    catalogAt(root, table.path).table.push({
      name: table.path.at(-1),
      serializationId: table.id,
      column: table.columns.map((c) => ({
        name: c.name,
        type: typeToProto(c.type),
        ...(c.hasDefault === true ? { hasDefaultValue: true } : {}),
        ...(c.isPseudo === true ? { isPseudoColumn: true } : {}),
        ...(c.collation === undefined ? {} : { annotationMap: collationAnnotation(c.collation) }),
      })),
    });
  }
  return {
    ...root,
    builtinFunctionOptions: { languageOptions: language },
    customFunction: [...extraSignatures, ...root.customFunction],
    // Their values do not matter here: NULL.
    constant: [...constants].map(([name, type]) => ({ namePath: [name], type: typeToProto(type), value: {} })),
    namedType: INT64_ALIASES.map((name) => ({ name, type: { typeKind: 'TYPE_INT64' } })),
  };
}

function emptyCatalog(name: string): MutableCatalog {
  return { name, table: [], customFunction: [], customTvf: [], catalog: [] };
}

/** The catalog that holds what has this path, made when it is not there. */
function catalogAt(root: MutableCatalog, path: readonly string[]): MutableCatalog {
  let catalog = root;
  for (const part of path.slice(0, -1)) {
    let next = catalog.catalog.find((c) => c.name.toLowerCase() === part.toLowerCase());
    if (next === undefined) {
      next = emptyCatalog(part);
      catalog.catalog.push(next);
    }
    catalog = next;
  }
  return catalog;
}
