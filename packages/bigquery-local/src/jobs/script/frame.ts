// Where a script is: the text being run, its variables, and what called it.
import { placeOf, type Script, type Span } from '../../googlesql/script/script.ts';
import type { TypedValue } from '../../googlesql/types.ts';
import type { QueryConfiguration } from '../query-configuration.ts';
import type { StackFrame } from './child-jobs.ts';
import type { TracePlace } from './script-failure.ts';
import type { VariableScope } from './variable-scope.ts';

export type Parameters = QueryConfiguration['parameters'];

export type Frame = {
  readonly script: Script;
  /** `project.dataset.procedure`; undefined in the script itself. */
  readonly procedure: string | undefined;
  readonly variables: VariableScope;
  readonly parameters: Parameters;
  readonly caller: { readonly frame: Frame; readonly statement: Span } | undefined;
  /** `@@error` of the handler around, by path. */
  readonly error?: readonly (readonly [string, TypedValue])[];
};

export function textOf(frame: Frame, span: Span): string {
  return frame.script.text.slice(span.start, span.end);
}

/** Positional parameters are those whose `?` stand in the span. */
export function parametersFor(frame: Frame, span: Span): Parameters {
  const { parameters, script } = frame;
  if (parameters?.mode !== 'POSITIONAL') return parameters;
  const values = parameters.values.filter((_, i) => {
    const place = script.positional[i];
    return place !== undefined && place >= span.start && place < span.end;
  });
  return { mode: 'POSITIONAL', values };
}

/** Innermost first. */
export function stackOf(frame: Frame, statement: Span): StackFrame[] {
  const start = placeOf(frame.script.text, statement.start);
  const end = placeOf(frame.script.text, statement.end);
  const own = {
    startLine: start.line,
    startColumn: start.column,
    endLine: end.line,
    endColumn: end.column,
    ...(frame.procedure === undefined ? {} : { procedureId: frame.procedure }),
    text: textOf(frame, statement),
  };
  return [own, ...(frame.caller === undefined ? [] : stackOf(frame.caller.frame, frame.caller.statement))];
}

export function traceOf(frame: Frame, statement: Span): TracePlace[] {
  const own = { ...placeOf(frame.script.text, statement.start), location: frame.procedure };
  return [own, ...(frame.caller === undefined ? [] : traceOf(frame.caller.frame, frame.caller.statement))];
}

/** Procedures in procedures. */
export function depthOf(frame: Frame): number {
  return frame.caller === undefined ? 1 : 1 + depthOf(frame.caller.frame);
}
