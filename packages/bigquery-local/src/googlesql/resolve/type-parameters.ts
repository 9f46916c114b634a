// The analyser's TypeParametersProto → the parameters of a type.
import type { TypeParameters } from '../values/type-parameters.ts';
import { flag, has, isMessage, items, part } from './message.ts';

/** Undefined where there are none (`STRING`, `STRING(MAX)`). */
export function typeParametersOf(proto: unknown): TypeParameters | undefined {
  if (!isMessage(proto)) return undefined;
  if (has(proto, 'stringTypeParameters')) {
    const { maxLength } = part(proto, 'stringTypeParameters');
    return maxLength === undefined || maxLength === null ? undefined : { maxLength: Number(maxLength) };
  }
  if (has(proto, 'numericTypeParameters')) {
    const numeric = part(proto, 'numericTypeParameters');
    const scale = Number(numeric['scale'] ?? 0);
    // BIGNUMERIC(MAX, S) holds all that BIGNUMERIC does before the point.
    if (flag(numeric, 'isMaxPrecision')) return undefined;
    return { precision: Number(numeric['precision']), scale };
  }
  const children = items(proto, 'childList').map(typeParametersOf);
  return children.some((child) => child !== undefined) ? { children } : undefined;
}
