// JSONPath as GoogleSQL has it: names, quoted names and indexes.
// Source: "JSONPath" of the GoogleSQL reference.

/** A name in an object or an index in an array. */
export type JsonStep = string | number;

const NAME = String.raw`\.([A-Za-z0-9_\u0080-\uffff-]+)`;
const INDEX = String.raw`\[\s*(-?\d+)\s*\]`;
const QUOTED = new RegExp(String.raw`${NAME}|\."((?:[^"\\]|\\.)*)"|${INDEX}`, 'y');
const BRACKETED = new RegExp(String.raw`${NAME}|\[\s*'((?:[^'\\]|\\.)*)'\s*\]|${INDEX}`, 'y');

/** Throws with GoogleSQL's text. The older JSON_EXTRACT functions quote names in brackets (`$['a']`), the others do not (`$."a"`). */
export function jsonPath(path: string, brackets = false): JsonStep[] {
  if (!path.startsWith('$')) throw new Error("JSONPath must start with '$'");
  const operator = /\.\.|\*|@/.exec(
    path.replaceAll(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/g, (quoted) => '_'.repeat(quoted.length)),
  );
  if (operator !== null) throw new Error(`Unsupported operator in JSONPath: ${operator[0]}`);
  const steps: JsonStep[] = [];
  const step = brackets ? BRACKETED : QUOTED;
  for (let at = 1; at < path.length; at = step.lastIndex) {
    step.lastIndex = at;
    const match = step.exec(path);
    if (match === null) throw new Error(`Invalid token in JSONPath at: ${path.slice(at)}`);
    const key = match[1] ?? match[2];
    steps.push(key === undefined ? Number(match[3]) : key.replaceAll(/\\(.)/g, '$1'));
  }
  return steps;
}
