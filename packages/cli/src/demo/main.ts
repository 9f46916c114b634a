// `npm run demo`: walks the main job on real data and checks every step.
// --once keeps nothing on disk; --json prints one JSON document, {"steps":[…],"syncs":[…]},
// on the last line of standard output and everything else on standard error.
// Exit code: 0 when every step was as expected, else 1; 2 for a wrong argument.
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { messageOf } from '@sluice/core';
import { duration, styleFor } from '../views/style.ts';
import { Steps } from './steps.ts';
import type { DemoSync } from './steps.ts';
import { walk } from './walk.ts';

const limitMs = 5 * 60_000;
const root = path.resolve(import.meta.dirname, '../../../..');
const marker = '.sluice-demo';

type Arguments = { readonly once: boolean; readonly json: boolean };

function readArguments(): Arguments | undefined {
  try {
    const { values } = parseArgs({
      options: { once: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } },
    });
    return values;
  } catch (error) {
    process.stderr.write(`error: ${messageOf(error)}\nusage: npm run demo [-- [--once] [--json]]\n`);
    return undefined;
  }
}

async function demo({ once, json }: Arguments): Promise<number> {
  const start = performance.now();
  const stream = json ? process.stderr : process.stdout;
  const write = (text: string): void => {
    stream.write(text);
  };
  const style = styleFor(stream.isTTY, process.env);
  const interrupted = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const)
    process.once(name, () => interrupted.abort(new Error('the demo was stopped')));
  const signal = AbortSignal.any([interrupted.signal, AbortSignal.timeout(limitMs)]);

  // Progress is drawn on a terminal only; what failed is in the step's own text.
  const progress = (text: string): void => {
    if (process.stderr.isTTY) process.stderr.write(text);
  };

  const steps = new Steps(write, style);
  const syncs: DemoSync[] = [];
  let ok = false;
  let directory: string | undefined;
  try {
    directory = once ? await mkdtemp(path.join(os.tmpdir(), 'sluice-demo-')) : await demoFolder();
    write(`${style.bold('Sluice: the main job on real data')} (3 million flights of the npm package vega-datasets)\n`);
    const columns = Math.min(process.stderr.columns ?? 120, 160);
    const url = await walk({
      directory,
      data: path.join(root, 'node_modules', 'vega-datasets', 'data'),
      steps,
      syncs,
      command: { err: progress, errIsTerminal: true, columns, signal },
      style,
    });
    ok = true;
    write(`\n${style.good('All steps were as expected')}, in ${duration(performance.now() - start)}.\n`);
    if (!once) write(whatNext(directory, url));
  } catch (error) {
    if (steps.steps.at(-1)?.ok !== false)
      steps.steps.push({ name: 'Prepare and end the demo', ok: false, detail: messageOf(error) });
    write(`\n${style.bad('The demo stopped')}: ${messageOf(signal.aborted ? signal.reason : error)}\n`);
  } finally {
    if (once && directory !== undefined) await rm(directory, { recursive: true, force: true });
  }
  if (json) process.stdout.write(`${JSON.stringify({ steps: steps.steps, syncs })}\n`);
  return ok ? 0 : 1;
}

/** `.demo` in the repository, made anew. A folder that the demo did not make is left alone. */
async function demoFolder(): Promise<string> {
  const directory = path.join(root, '.demo');
  if (existsSync(directory)) {
    if (!existsSync(path.join(directory, marker)))
      throw new Error(`${directory} was not made by the demo; remove it, or run: npm run demo -- --once`);
    await rm(directory, { recursive: true, force: true });
  }
  await mkdir(directory);
  await writeFile(path.join(directory, marker), 'Made by npm run demo, which replaces this folder on its next run.\n');
  return directory;
}

function whatNext(directory: string, url: string): string {
  const folder = path.relative(root, directory);
  const command = 'npm run -s sluice --';
  return `
The folder ${folder} is yours to look at. Start its warehouse again, in another terminal:
  ${command} bigquery start --data-dir ${folder}/bigquery --port ${new URL(url).port}
then try:
  ${command} preview routes -C ${folder}/project
  ${command} plan airports-to-receiver -C ${folder}/project
  ${command} status airports-to-receiver -C ${folder}/project
`;
}

const args = readArguments();
process.exitCode = args === undefined ? 2 : await demo(args);
