// Turns the schema's findings into problems with a place in sluice.yaml and a fix.
import { z } from 'zod';
import type { ConfigDocument, Path } from './document.ts';
import type { Problem } from './problem.ts';
import { projectSchema } from './schema.ts';
import { didYouMean } from './suggest.ts';

/** One problem per finding; an unknown key gets the known ones and the nearest of them. */
export function describeIssues(issues: readonly z.core.$ZodIssue[], document: ConfigDocument): Problem[] {
  return issues.flatMap((issue) => describe(issue, document));
}

function describe(issue: z.core.$ZodIssue, document: ConfigDocument): Problem[] {
  const at = issue.path.map((step) => (typeof step === 'symbol' ? step.toString() : step));
  const shown = at.length === 0 ? 'the document' : at.join('.');
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({
        code: 'UNKNOWN_KEY',
        message: `unknown key "${key}" in ${shown}`,
        where: document.placeOfKey([...at, key]),
        fix: didYouMean(key, keysAt(at)),
      }));
    case 'invalid_key': {
      const reason = issue.issues[0]?.message ?? issue.message;
      return [
        {
          code: 'INVALID_NAME',
          message: `the name "${String(at.at(-1))}" ${reason}`,
          where: document.placeOfKey(at),
          fix: 'Rename it.',
        },
      ];
    }
    case 'invalid_union': {
      if (shown === 'source.credentials') {
        return [
          {
            code: 'INVALID_VALUE',
            message: 'source.credentials must be the text of a JSON key or { keyFile: path }',
            where: document.placeOfValue(at),
            fix: 'Write credentials: ${SLUICE_BIGQUERY_KEY} with the key in that variable, or credentials: { keyFile: keys/sluice.json }.',
          },
        ];
      }
      return [invalid(issue.message, at, shown, document)];
    }
    case 'invalid_type':
      if (isMissing(issue, at, document)) {
        return [
          {
            code: 'MISSING_KEY',
            message: `${shown} is missing`,
            where: document.placeOfKey(at),
            fix: `Add "${String(at.at(-1) ?? 'source')}:" (${wordFor(issue.expected)}).`,
          },
        ];
      }
      return [
        {
          code: 'INVALID_TYPE',
          message: `${shown} must be ${wordFor(issue.expected)}`,
          where: document.placeOfValue(at),
          fix: `Write ${wordFor(issue.expected)}.`,
        },
      ];
    case 'invalid_value':
      return [
        isMissing(issue, at, document)
          ? {
              code: 'MISSING_KEY',
              message: `${shown} is missing`,
              where: document.placeOfKey(at),
              fix: `Add "${String(at.at(-1))}: ${issue.values.map(String).join(' | ')}".`,
            }
          : {
              code: 'INVALID_VALUE',
              message: `${shown} must be ${issue.values.map((value) => `"${String(value)}"`).join(' or ')}`,
              where: document.placeOfValue(at),
              fix: 'Write one of these values.',
            },
      ];
    default:
      return [invalid(issue.message, at, shown, document)];
  }
}

function invalid(message: string, at: Path, shown: string, document: ConfigDocument): Problem {
  const [text, fix] = message.startsWith('must')
    ? [`${shown} ${message}`, 'Correct the value.']
    : [`${shown}: ${message}`, 'Correct the value.'];
  return { code: 'INVALID_VALUE', message: text, where: document.placeOfValue(at), fix };
}

function isMissing(issue: z.core.$ZodIssue, at: Path, document: ConfigDocument): boolean {
  return issue.input === undefined && !document.has(at);
}

function wordFor(expected: string): string {
  switch (expected) {
    case 'object':
    case 'record':
      return 'a block of "key: value" lines';
    case 'array':
      return 'a list';
    case 'string':
      return 'a text';
    case 'int':
      return 'a whole number';
    case 'boolean':
      return 'true or false';
    default:
      return `a ${expected}`;
  }
}

/** The keys that the schema knows at a path. */
function keysAt(path: Path): string[] {
  let schema: unknown = projectSchema;
  for (const step of path) {
    const inner = unwrap(schema);
    if (inner instanceof z.ZodObject) schema = (inner.shape as Record<string, unknown>)[String(step)];
    else if (inner instanceof z.ZodRecord) schema = inner.valueType;
    else if (inner instanceof z.ZodArray) schema = inner.element;
    else return [];
  }
  const last = unwrap(schema);
  return last instanceof z.ZodObject ? Object.keys(last.shape) : [];
}

function unwrap(schema: unknown): unknown {
  let inner = schema;
  while (inner instanceof z.ZodDefault || inner instanceof z.ZodOptional) inner = inner.unwrap();
  return inner;
}
