/** One measured case. Units are in the names of the figures. */
export type Measurement = {
  readonly case: string;
  readonly ours: Readonly<Record<string, number>>;
  readonly reference: Readonly<Record<string, number>>;
  /** Ours divided by the reference, of the figure that the aim is about. */
  readonly ratio: number;
  readonly aim: string;
  readonly ok: boolean;
};

export type SuiteOptions = {
  /** Rows to measure with in place of the suite's own numbers; for suites that know it. */
  readonly rows?: number;
};

export type Suite = {
  readonly description: string;
  /** `wants` lets a suite leave out work whose case nobody asked for. */
  run(
    log: (text: string) => void,
    wants: (name: string) => boolean,
    options?: SuiteOptions,
  ): AsyncIterable<Measurement>;
};
