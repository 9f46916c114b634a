// The answer of `sluice permissions`: for people, in parts that end with what can be copied,
// and as one JSON document.
import type { Excess, ExcessKind, ModelReads, Need, PermissionReport, SetUpScript, Way } from '@sluice/engine';
import { countOf, printable } from './style.ts';
import type { Style } from './style.ts';

/** How the set-ups are written. */
export type Notation = 'all' | 'shell' | 'sql' | 'terraform';

/** Permissions of one finding that are listed by name for people; the document has all. */
const mostNamed = 6;

const ways: Record<Way, string> = {
  sluice_creates_dataset: 'Sluice creates the state dataset',
  customer_creates_dataset: 'you create the state dataset',
};

const made: Record<Way, string> = {
  sluice_creates_dataset: 'The account owns the state dataset: Sluice created it.',
  customer_creates_dataset: 'The account does not own the state dataset: you created it.',
};

const gravity: Record<ExcessKind, string> = {
  administers: 'administer',
  writes: 'write',
  reads: 'read',
  sees: 'see',
};

/**
 * `{ source, ok, account, way, needs, missing, additions, excess, models, unchecked, setUps, checks }`;
 * `ok` is true when nothing that is needed is missing and every check of Test connection passed.
 */
export function permissionsDocument(report: PermissionReport): object {
  const { source, ...rest } = report;
  return { source, ok: isReady(report), ...rest };
}

export function permissionsLines(report: PermissionReport, notation: Notation, style: Style): string[] {
  return [
    style.bold(`Permissions of ${printable(report.account)} for source "${printable(report.source)}"`),
    ...(isReady(report) ? [style.dim(made[report.way])] : []),
    '',
    ...needLines(report.needs, style),
    ...report.models.flatMap((model) => modelLines(model, style)),
    ...brokenLines(report, style),
    '',
    ...excessLines(report, style),
    ...(notation === 'all' || notation === 'shell' ? additionLines(report, style) : []),
    ...report.setUps.flatMap((script) => ['', ...setUpLines(script, notation, style)]),
    '',
    summary(report, style),
  ];
}

function isReady({ missing, checks }: PermissionReport): boolean {
  return missing.length === 0 && checks.every((check) => check.ok);
}

function needLines(needs: readonly Need[], style: Style): string[] {
  const width = Math.max(...needs.map(({ permission }) => permission.length));
  return needs.map(({ permission, resource, why, held }) => {
    const mark = held === undefined ? style.warn('?') : held ? style.good('✓') : style.bad('✗');
    return `${mark} ${permission.padEnd(width)}  ${printable(resource)}  ${style.dim(printable(why))}`;
  });
}

function modelLines({ model, from, problem }: ModelReads, style: Style): string[] {
  if (problem !== undefined) return [`${style.warn('!')} model "${model}" cannot run: ${printable(problem)}`];
  if (from === 'analysis') return [];
  return [
    `${style.warn('!')} model "${model}" may not run yet; its tables are those that its text names. Run this again once they are granted.`,
  ];
}

/** Checks that failed for another reason than a permission. */
function brokenLines({ checks }: PermissionReport, style: Style): string[] {
  return checks
    .filter((check) => !check.ok && check.skipped !== true && check.denied !== true)
    .map((check) => `${style.bad('✗')} ${check.check}: ${printable(check.message)}`);
}

function excessLines({ excess, unchecked }: PermissionReport, style: Style): string[] {
  const nothing = excess.length === 0 && unchecked.length === 0 ? [style.good('Nothing is granted beyond need.')] : [];
  return [
    ...nothing,
    ...(excess.length === 0 ? [] : [style.bold('Granted beyond need:')]),
    ...excess.flatMap((one) => findingLines(one, style)),
    ...unchecked.map((text) => `${style.warn('?')} ${printable(text)}`),
  ];
}

function findingLines({ kind, resource, message, permissions, roles }: Excess, style: Style): string[] {
  const rest = permissions.length - mostNamed;
  const named = `${permissions.slice(0, mostNamed).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
  return [
    `${style.warn('!')} ${gravity[kind].padEnd(10)}  ${printable(resource)}  ${printable(message)}`,
    ...(permissions.length === 0 ? [] : [`    ${style.dim(named)}`]),
    ...(roles.length === 0 || permissions.length === 0
      ? []
      : [`    ${style.dim(`as ${roles.join(', ')} would give`)}`]),
  ];
}

function additionLines({ additions }: PermissionReport, style: Style): string[] {
  if (additions.length === 0) return [];
  return [
    '',
    style.bold('The smallest addition to what the account has:'),
    ...additions.flatMap(({ words, commands }) => [style.dim(`# ${words}`), ...commands.map(printable)]),
  ];
}

/** Commands and statements stand unindented under comments of their own language, so that a block can be copied. */
function setUpLines(script: SetUpScript, notation: Notation, style: Style): string[] {
  const { shell, shellFirst, sql, terraform } = script;
  const block = (title: string, lines: readonly string[]): string[] =>
    lines.length === 0 ? [] : [style.dim(title), ...lines.map(printable)];
  const shown = (which: Notation): boolean => notation === 'all' || notation === which;
  return [
    style.bold(`Exactly what is needed, when ${ways[script.way]}:`),
    ...(shown('shell') ? block('# in a shell', shell) : []),
    ...(notation === 'sql' ? block('# in a shell, where SQL cannot do it', shellFirst) : []),
    ...(shown('sql') ? block('-- in BigQuery, once the roles exist', sql) : []),
    ...(shown('terraform') ? block('# with Terraform', terraform.split('\n')) : []),
  ];
}

function summary(report: PermissionReport, style: Style): string {
  const { missing, excess } = report;
  const beyond = excess.length === 0 ? '' : ` ${countOf(excess.length, 'finding')} beyond need.`;
  if (missing.length > 0) return style.bad(`${countOf(missing.length, 'permission')} missing.${beyond}`);
  if (!isReady(report)) return style.bad(`Not every check passed; see sluice test-connection.${beyond}`);
  return excess.length === 0 ? style.good('Nothing is missing.') : `${style.good('Nothing is missing.')}${beyond}`;
}
