// Which tables of a wildcard a condition on _TABLE_SUFFIX leaves: the others are not scanned.
import type { Expr } from '../ir.ts';

const MIRRORED: Readonly<Record<string, string>> = {
  $less: '$greater',
  $less_or_equal: '$greater_or_equal',
  $greater: '$less',
  $greater_or_equal: '$less_or_equal',
};

/** False only when the condition cannot be true where the column with this id has the value `suffix`. */
export function mayHold(condition: Expr, columnId: number, suffix: string): boolean {
  if (condition.kind === 'literal') return condition.value.value !== false && condition.value.value !== null;
  if (condition.kind !== 'call' || condition.safe) return true;
  const { name, args } = condition;
  if (name === '$and') return args.every((arg) => mayHold(arg, columnId, suffix));
  if (name === '$or') return args.some((arg) => mayHold(arg, columnId, suffix));
  const isSuffix = (arg: Expr | undefined): boolean => arg?.kind === 'column' && arg.column.id === columnId;
  const texts = args.map((arg) => (arg.kind === 'literal' ? arg.value.value : undefined));
  if (isSuffix(args[1]) && args.length === 2 && typeof texts[0] === 'string')
    return compares(MIRRORED[name] ?? name, suffix, [texts[0]]);
  const rest = texts.slice(1);
  if (!isSuffix(args[0]) || !rest.every((text) => typeof text === 'string')) return true;
  return compares(name, suffix, rest);
}

function compares(name: string, suffix: string, texts: readonly string[]): boolean {
  const order = (text: string): number => Buffer.compare(Buffer.from(suffix), Buffer.from(text));
  const [first = '', second = ''] = texts;
  switch (name) {
    case '$equal':
      return suffix === first;
    case '$in':
      return texts.includes(suffix);
    case '$less':
      return order(first) < 0;
    case '$less_or_equal':
      return order(first) <= 0;
    case '$greater':
      return order(first) > 0;
    case '$greater_or_equal':
      return order(first) >= 0;
    case '$between':
      return order(first) >= 0 && order(second) <= 0;
    case 'starts_with':
      return suffix.startsWith(first);
    case 'ends_with':
      return suffix.endsWith(first);
    default:
      return true;
  }
}
