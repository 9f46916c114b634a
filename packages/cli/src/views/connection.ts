import type { CheckName, CheckResult, Fix, GrantAdvice } from '@sluice/engine';
import type { Style } from './style.ts';

const titles: Record<CheckName, string> = {
  key: 'Key',
  token: 'Access token',
  project: 'Project',
  jobs: 'Run jobs',
  location: 'Data location',
  state_dataset: 'State dataset',
  state_tables: 'Create tables',
  state_write: 'Write rows',
  state_read: 'Read rows',
  state_drop: 'Drop tables',
  storage_read: 'Storage Read API',
};

/**
 * One line per check; what failed is followed by the permission, the resource and the fix,
 * and at the end by all that is missing together.
 */
export function connectionLines(
  source: string,
  checks: readonly CheckResult[],
  style: Style,
  advice: GrantAdvice = { needed: [], ways: [] },
): string[] {
  const width = Math.max(...Object.values(titles).map((title) => title.length));
  const failed = checks.filter((check) => !check.ok && check.skipped !== true).length;
  return [
    // What is told for all checks together is not told again at each.
    ...checks.flatMap((check) => checkLines(check, width, style, advice.needed.length < 2 || check.denied !== true)),
    ...adviceLines(advice, style),
    '',
    failed === 0
      ? style.good(`Source "${source}" is ready.`)
      : style.bad(`Source "${source}" is not ready: ${failed} of ${checks.length} checks failed.`),
  ];
}

function checkLines(check: CheckResult, width: number, style: Style, withFix: boolean): string[] {
  const text = check.skipped === true ? style.dim(check.message) : check.message;
  const lines = [`${markOf(check, style)} ${titles[check.check].padEnd(width)}  ${text}`];
  if ((check.ok && check.optional !== true) || check.skipped === true) return lines;
  const indent = ' '.repeat(width + 4);
  if (check.permission !== undefined)
    lines.push(`${indent}permission ${check.permission}${check.resource === undefined ? '' : ` on ${check.resource}`}`);
  else if (check.resource !== undefined) lines.push(`${indent}on ${check.resource}`);
  if (check.fix !== undefined && !check.ok && withFix) lines.push(...fixLines(check.fix, indent, style));
  return lines;
}

function markOf(check: CheckResult, style: Style): string {
  if (check.ok) return check.optional === true ? style.warn('!') : style.good('✓');
  return check.skipped === true ? style.dim('–') : style.bad('✗');
}

function fixLines({ words, command, alternative }: Fix, indent: string, style: Style): string[] {
  const commandLines = (text: string): string[] => text.split('\n').map((line) => `${indent}  ${style.bold(line)}`);
  return [
    `${indent}${style.dim('fix:')} ${words}`,
    ...commandLines(command),
    ...(alternative === undefined ? [] : [`${indent}${alternative.words}`, ...commandLines(alternative.command)]),
  ];
}

/** All that is missing and the ways to grant it, when more than one thing is; one is told at its check. */
function adviceLines({ needed, ways }: GrantAdvice, style: Style): string[] {
  if (needed.length < 2) return [];
  return [
    '',
    'Missing in all:',
    ...needed.map(({ permission, resource }) => `  ${permission} on ${resource}`),
    ...ways.flatMap(({ words, commands }) => ['', words, ...commands.map((command) => `  ${style.bold(command)}`)]),
  ];
}
