// Whether the destination refuses everything (a wrong address, a mapping that fits no
// record) or only some records. Pure bookkeeping: the sender asks what to do with a
// refusal and sends what this class hands out. In doubt, as long as nothing was delivered:
// a refused batch is held back and one row of it goes alone; rows that were refused alone
// are evidence, and get no outcome until the doubt is over.
import type { Prepared } from '@sluice/destination-kit';

/** Rows refused alone, with one code and nothing delivered, that prove that all will be refused. */
export const REFUSALS = {
  /** At the address that the configuration names: the address is wrong. */
  atAddress: 10,
  /** For any other reason, on a mapping that never delivered anything: the mapping is wrong. */
  anyReason: 50,
} as const;

/** Batches held back at once; then further rows of these go alone. Bounds memory. */
const MAX_HELD = 8;

export type Refusal = { readonly code: string; readonly message: string; readonly address?: string };

type Evidence = { readonly row: Prepared; readonly refusal: Refusal };

export class Doubt {
  readonly #neverDelivered: boolean;
  #over: boolean;
  #evidence: Evidence[] = [];
  #held: Prepared[][] = [];

  constructor(neverDelivered: boolean, deliveredBefore: boolean) {
    this.#neverDelivered = neverDelivered;
    this.#over = deliveredBefore;
  }

  /** Nothing was delivered, and everything tried was refused with one code. */
  get inDoubt(): boolean {
    return !this.#over;
  }

  get mustProbe(): boolean {
    return !this.#over && this.#held.length >= MAX_HELD;
  }

  /** Whether a refusal may be meant for every record. */
  mayBeForAll(refusal: Refusal): boolean {
    return !this.#over && (this.#neverDelivered || refusal.address !== undefined);
  }

  hold(rows: readonly Prepared[]): void {
    if (rows.length > 0) this.#held.push([...rows]);
  }

  /** Takes a row that was refused alone; gives the refusal when it is one too many. */
  refused(row: Prepared, refusal: Refusal): Refusal | undefined {
    this.#evidence.push({ row, refusal });
    const [first] = this.#evidence;
    if (first !== undefined && first.refusal.code !== refusal.code) {
      // It tells records apart.
      this.#over = true;
      return undefined;
    }
    const atAddress = this.#evidence.every((each) => each.refusal.address !== undefined);
    return this.#evidence.length >= (atAddress ? REFUSALS.atAddress : REFUSALS.anyReason) ? refusal : undefined;
  }

  /** One held row, each time of another batch. */
  nextProbe(): Prepared | undefined {
    const batch = this.#held.shift();
    const row = batch?.shift();
    if (batch !== undefined && batch.length > 0) this.#held.push(batch);
    return row;
  }

  /** The destination has delivered something, or has refused a record for its own sake. */
  tellsRecordsApart(): void {
    this.#over = true;
  }

  /** Ends the doubt: what was refused is rejected, what was held is to be sent. Each is handed out once. */
  release(): { readonly refused: readonly Evidence[]; readonly held: readonly (readonly Prepared[])[] } {
    this.#over = true;
    const released = { refused: this.#evidence, held: this.#held };
    this.#evidence = [];
    this.#held = [];
    return released;
  }
}
