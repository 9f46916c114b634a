// Types that a mistyped type may stand for: by its words ("hubspot") or its letters ("webhok").

const MAX_SUGGESTIONS = 3;

export function nearestTypes(
  typed: string,
  entries: readonly { readonly type: string; readonly name: string }[],
): readonly string[] {
  const wanted = bare(typed);
  if (wanted.length < 3) return [];
  return entries
    .map(({ type, name }) => ({
      type,
      distance: Math.min(distanceTo(wanted, bare(type)), distanceTo(wanted, bare(name))),
    }))
    .filter(({ distance }) => distance <= 0.34)
    .sort((a, b) => a.distance - b.distance || a.type.length - b.type.length)
    .slice(0, MAX_SUGGESTIONS)
    .map(({ type }) => type);
}

/** What every type of the catalogue has tells nothing. */
function bare(text: string): string {
  return text.toLowerCase().replaceAll(/actions|cloud|[^a-z0-9]/g, '');
}

/** 0 for equal texts and for one that begins with the other, up to 1: the share of pairs of letters that differ. */
function distanceTo(wanted: string, candidate: string): number {
  if (candidate === '') return 1;
  if (candidate.startsWith(wanted)) return 0;
  const pairs = (text: string): Set<string> =>
    new Set(Array.from({ length: text.length - 1 }, (_, index) => text.slice(index, index + 2)));
  const a = pairs(wanted);
  const b = pairs(candidate);
  const common = [...a].filter((pair) => b.has(pair)).length;
  return 1 - (2 * common) / (a.size + b.size);
}
