// Where our runner differs from the package's own runtime on purpose: the known faults of the
// runtime and of single definitions. The differential test allows exactly these.

export type KnownDifference = {
  readonly type: string;
  /** A case of the differential test, or `*` for all. */
  readonly when: string;
  readonly differs: 'requests' | 'outcomes';
  readonly because: string;
};

const FAILURES = ['status 400', 'status 401', 'status 429', 'status 500'];

const dropsAnswers = (type: string): KnownDifference[] =>
  FAILURES.map((when) => ({
    type,
    when,
    differs: 'outcomes',
    because: 'the definition drops the answer and the runtime then reports success; ours reads the last answer',
  }));

const forgetsRows = (type: string, cases: readonly string[]): KnownDifference[] =>
  cases.map((when) => ({
    type,
    when,
    differs: 'outcomes',
    because:
      'the definition gives refused rows no entry and the runtime reports 500 for each; ours says what was answered',
  }));

export const knownDifferences: readonly KnownDifference[] = [
  ...dropsAnswers('actions-emarsys'),
  {
    type: 'actions-emarsys',
    when: '*',
    differs: 'requests',
    because: 'each request carries a new random nonce',
  },
  ...dropsAnswers('actions-gameball'),
  ...['status 401', 'status 429', 'status 500'].map((when): KnownDifference => ({
    type: 'actions-amplitude-cohorts',
    when,
    differs: 'outcomes',
    because:
      'the definition reports 400 for every failure, so that the rows would be given up; ours goes by the answer',
  })),
  {
    type: 'actions-marketo-static-lists',
    when: 'status 401',
    differs: 'outcomes',
    because: 'the definition reports 500 for every failure; ours goes by the answer',
  },
  ...forgetsRows('actions-ms-bing-ads-audiences', ['status 400', 'status 401']),
  ...forgetsRows('actions-youappi-audience', ['status 400', 'status 401']),
  {
    type: 'actions-playerzero-cloud',
    when: '*',
    differs: 'requests',
    because: 'the action has no fields, so the runtime sends its own control fields along; ours takes them out',
  },
  {
    type: 'actions-blend-ai',
    when: '*',
    differs: 'requests',
    because: 'the definition sends everything that the runtime hands to it, which names the runtime and its sync',
  },
  {
    type: 'actions-pipedrive',
    when: '*',
    differs: 'requests',
    because: 'the runtime writes `headers=[object Object]` into the query; ours does not',
  },
  ...['actions-webhook', 'actions-webhook-audiences', 'actions-webhook-extensible'].map((type): KnownDifference => ({
    type,
    when: '*',
    differs: 'requests',
    because: 'the definition signs the first row of a batch; ours signs the exact body',
  })),
];
