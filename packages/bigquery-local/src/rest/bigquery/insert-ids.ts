// Best-effort deduplication of streaming inserts: BigQuery remembers an insertId "for at
// least one minute". Bounded; forgotten when the server stops.
const REMEMBER_MS = 60_000;
const MAX_IDS = 500_000;

export class InsertIds {
  /** By physical table: the ids of this minute and of the one before. */
  readonly #tables = new Map<string, { since: number; current: Set<string>; previous: Set<string> }>();
  #count = 0;

  of(physicalId: string, now: number): { has(id: string): boolean; add(id: string): void } {
    let ids = this.#tables.get(physicalId);
    if (ids === undefined || this.#count > MAX_IDS) {
      if (this.#count > MAX_IDS) {
        this.#tables.clear();
        this.#count = 0;
      }
      ids = { since: now, current: new Set(), previous: new Set() };
      this.#tables.set(physicalId, ids);
    }
    if (now - ids.since > REMEMBER_MS) {
      this.#count -= ids.previous.size;
      ids.previous = now - ids.since > 2 * REMEMBER_MS ? new Set() : ids.current;
      ids.current = new Set();
      ids.since = now;
    }
    const { current, previous } = ids;
    return {
      has: (id) => current.has(id) || previous.has(id),
      add: (id) => {
        if (!current.has(id)) this.#count++;
        current.add(id);
      },
    };
  }
}
