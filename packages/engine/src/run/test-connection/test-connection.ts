// Test connection: every check that can be made is made, each naming the permission, the
// resource and the fix. A check is left out only when an earlier failure makes it impossible.
import { AppError, messageOf } from '@sluice/core';
import type { CallOptions, CheckName, CheckResult, SourceConfig } from '../api.ts';
import { CHECKS } from '../api.ts';
import { NotPossible, Probes, isForbidden } from './probes.ts';
import type { Probe } from './probes.ts';

export async function checkConnection(config: SourceConfig, options: CallOptions): Promise<CheckResult[]> {
  await using probes = new Probes(config, options.signal);
  const all = probes.all();
  const results: CheckResult[] = [];
  for (const check of CHECKS) {
    if (check === 'storage_read' && config.read !== 'storage') continue;
    const probe = all[check];
    const cause = probe.after.find((needed) => results.some((result) => result.check === needed && !result.ok));
    const result =
      cause === undefined
        ? await tried(check, probe, probes, options.signal)
        : { ...base(check, probe), ...skipped(cause) };
    results.push(result);
  }
  return probes.datasetExists ? hiddenButThere(results, probes) : results;
}

function base(
  check: CheckName,
  { resource, permission }: Probe,
): Pick<CheckResult, 'check' | 'resource' | 'permission'> {
  return { check, resource, ...(permission === undefined ? {} : { permission }) };
}

function skipped(cause: CheckName): Pick<CheckResult, 'ok' | 'skipped' | 'message'> {
  return { ok: false, skipped: true, message: `Not checked, because the check "${cause}" failed.` };
}

async function tried(
  check: CheckName,
  probe: Probe,
  probes: Probes,
  signal: AbortSignal | undefined,
): Promise<CheckResult> {
  try {
    const found = await probe.run();
    if (typeof found === 'string') return { ...base(check, probe), ok: true, message: found };
    const { message, optional } = found;
    return {
      ...base(check, probe),
      ok: true,
      message,
      ...(optional === undefined ? {} : { ...optional, optional: true }),
    };
  } catch (thrown) {
    signal?.throwIfAborted();
    if (thrown instanceof NotPossible) return { ...base(check, probe), ...skipped(thrown.because) };
    const denied = isForbidden(thrown);
    // BigQuery's refusal of a query names the table, not the permission; the check knows it.
    const named = denied ? /bigquery\.[a-z]+\.[a-zA-Z]+/i.exec(messageOf(thrown))?.[0] : undefined;
    const fix = probes.fixOf(check);
    const words = thrown instanceof AppError && !denied && thrown.fix !== undefined ? thrown.fix : fix.words;
    return {
      ...base(check, probe),
      ...(named === undefined ? {} : { permission: named }),
      ok: false,
      ...(denied ? { denied: true } : {}),
      message: messageOf(thrown),
      fix: { ...fix, words },
    };
  }
}

/** The state dataset exists, as later checks have shown: that it cannot be looked at is no failure. */
function hiddenButThere(results: readonly CheckResult[], probes: Probes): CheckResult[] {
  return results.map((result) => {
    if (result.denied !== true) return result;
    // Fixes that were written before do not know yet that there is nothing to create.
    if (result.check !== 'state_dataset') return { ...result, fix: probes.fixOf(result.check) };
    return {
      check: result.check,
      permission: 'bigquery.datasets.get',
      resource: probes.dataset,
      ok: true,
      optional: true,
      message: 'Not needed: the dataset exists, but the account may not read its description.',
    };
  });
}
