import type { CheckName, CheckResult } from '@sluice/engine';
import type { Style } from './style.ts';

const titles: Record<CheckName, string> = {
  key: 'Key',
  token: 'Access token',
  project: 'Project',
  jobs: 'Run jobs',
  location: 'Data location',
  state_dataset: 'State dataset',
  state_tables: 'State tables',
};

/** One line per check; what failed is followed by the permission, the resource and the fix. */
export function connectionLines(source: string, checks: readonly CheckResult[], style: Style): string[] {
  const width = Math.max(...Object.values(titles).map((title) => title.length));
  const failed = checks.filter((check) => !check.ok && check.skipped !== true).length;
  return [
    ...checks.flatMap((check) => checkLines(check, width, style)),
    '',
    failed === 0
      ? style.good(`Source "${source}" is ready.`)
      : style.bad(`Source "${source}" is not ready: ${failed} of ${checks.length} checks failed.`),
  ];
}

function checkLines(check: CheckResult, width: number, style: Style): string[] {
  const mark = check.ok ? style.good('✓') : check.skipped === true ? style.dim('–') : style.bad('✗');
  const lines = [
    `${mark} ${titles[check.check].padEnd(width)}  ${check.skipped === true ? style.dim(check.message) : check.message}`,
  ];
  if (check.ok || check.skipped === true) return lines;
  const indent = ' '.repeat(width + 4);
  if (check.permission !== undefined)
    lines.push(`${indent}permission ${check.permission}${check.resource === undefined ? '' : ` on ${check.resource}`}`);
  else if (check.resource !== undefined) lines.push(`${indent}on ${check.resource}`);
  if (check.fix !== undefined)
    lines.push(
      `${indent}${style.dim('fix:')} ${check.fix.words}`,
      ...check.fix.command.split('\n').map((line) => `${indent}  ${style.bold(line)}`),
    );
  return lines;
}
