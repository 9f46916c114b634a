// Records the steps of the walk and shows them as they happen. A step that finds something
// else than expected fails, and the walk ends there.
import { messageOf } from '@sluice/core';
import { duration } from '../views/style.ts';
import type { Style } from '../views/style.ts';

export type Step = { readonly name: string; readonly ok: boolean; readonly detail: string };

export type DemoSync = {
  readonly mapping: string;
  readonly added: number;
  readonly updated: number;
  readonly deleted: number;
  readonly delivered: number;
  readonly rejected: number;
  readonly durationMs: number;
};

/** What a step found: one sentence, and lines to look at. */
export type Finding = { readonly detail: string; readonly lines?: readonly string[] };

export class Steps {
  readonly steps: Step[] = [];
  readonly #write: (text: string) => void;
  readonly #style: Style;

  constructor(write: (text: string) => void, style: Style) {
    this.#write = write;
    this.#style = style;
  }

  title(text: string): void {
    this.#write(`\n${this.#style.bold(text)}\n`);
  }

  /** Throws what `work` throws, after it is recorded and shown. */
  async step(name: string, work: () => Promise<Finding>): Promise<void> {
    await this.produce(name, async () => ({ ...(await work()), value: undefined }));
  }

  /** A step that makes something which later steps need. */
  async produce<T>(name: string, work: () => Promise<Finding & { readonly value: T }>): Promise<T> {
    const start = performance.now();
    try {
      const { detail, lines, value } = await work();
      this.steps.push({ name, ok: true, detail });
      this.#write(
        `${this.#style.good('✓')} ${name}  ${this.#style.dim(duration(performance.now() - start))}\n    ${detail}\n`,
      );
      for (const line of lines ?? []) this.#write(line === '' ? '\n' : `      ${line}\n`);
      return value;
    } catch (error) {
      const detail = messageOf(error);
      this.steps.push({ name, ok: false, detail });
      this.#write(`${this.#style.bad('✗')} ${name}\n    ${detail}\n`);
      throw error;
    }
  }
}

/** Throws when something is not as the walk expects. */
export function expectThat(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message);
}

export function expectEqual(actual: unknown, expected: unknown, what: string): void {
  const [found, wanted] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (found !== wanted) throw new Error(`${what}: expected ${wanted}, found ${found}`);
}
