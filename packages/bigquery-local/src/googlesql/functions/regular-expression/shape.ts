// What can be said of a pattern without a text: whether it may match nothing, and how its groups take part.
import { PatternParser, type Node } from './parse.ts';

export type PatternShape = {
  /** Capturing groups. */
  readonly groups: number;
  /** A match may be empty. */
  readonly mayBeEmpty: boolean;
  /** A match may leave a group out: it stands in an alternative or an optional part. */
  readonly mayLeaveGroupOut: boolean;
};

/** Undefined for a text that is no pattern. */
export function patternShape(pattern: string): PatternShape | undefined {
  try {
    const parser = new PatternParser(pattern);
    const tree = parser.parse();
    return { groups: parser.groups, mayBeEmpty: shortest(tree) === 0, mayLeaveGroupOut: leavesOut(tree, false) };
  } catch {
    return undefined;
  }
}

function shortest(node: Node): number {
  switch (node.kind) {
    case 'one':
      return 1;
    case 'group':
      return shortest(node.body);
    case 'sequence':
      return node.items.reduce((sum, item) => sum + shortest(item), 0);
    case 'alternatives':
      return Math.min(...node.items.map(shortest));
    case 'repeat':
      return node.low * shortest(node.body);
    default:
      return 0;
  }
}

function leavesOut(node: Node, optional: boolean): boolean {
  switch (node.kind) {
    case 'group':
      return optional || leavesOut(node.body, optional);
    case 'sequence':
      return node.items.some((item) => leavesOut(item, optional));
    case 'alternatives':
      return node.items.some((item) => leavesOut(item, true));
    case 'repeat':
      return leavesOut(node.body, optional || node.low === 0);
    default:
      return false;
  }
}
