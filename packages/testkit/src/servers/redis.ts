// A real Redis from Debian's package, on a free port, without persistence.
import { debianTree } from './debian.ts';
import { freePort, serverFolder, startServerProcess } from './process.ts';
import type { ServerProcess } from './process.ts';

export interface RedisServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly process: ServerProcess;
}

export async function startRedis(options: { readonly password?: string } = {}): Promise<RedisServer> {
  const tree = await debianTree(['redis-server', 'redis-tools', 'libjemalloc2', 'liblzf1']);
  const { folder, remove } = await serverFolder('redis');
  const port = await freePort();
  const { password } = options;
  const server = await startServerProcess({
    // redis-server is a link to this program, which looks at its own name.
    program: tree.file('usr/bin/redis-server'),
    args: [
      '--port',
      String(port),
      '--bind',
      '127.0.0.1',
      '--save',
      '',
      '--appendonly',
      'no',
      '--dir',
      folder,
      ...(password === undefined ? [] : ['--requirepass', password]),
    ],
    port,
    env: tree.env,
  });
  return {
    url: `redis://${password === undefined ? '' : `:${password}@`}127.0.0.1:${port}`,
    port,
    process: server,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await remove();
    },
  };
}
