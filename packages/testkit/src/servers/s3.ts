// An S3-compatible server from npm (s3rver) on a free port, on a folder of its own.
import S3rver from 's3rver';
import { serverFolder } from './process.ts';

export interface S3Server extends AsyncDisposable {
  readonly endpoint: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly bucket: string;
}

export async function startS3(bucket = 'exports'): Promise<S3Server> {
  const { folder, remove } = await serverFolder('s3');
  const server = new S3rver({
    address: '127.0.0.1',
    port: 0,
    silent: true,
    directory: folder,
    configureBuckets: [{ name: bucket, configs: [] }],
  });
  const { port } = await server.run();
  return {
    endpoint: `http://127.0.0.1:${port}`,
    accessKeyId: 'S3RVER',
    secretAccessKey: 'S3RVER',
    bucket,
    async [Symbol.asyncDispose]() {
      await server.close();
      await remove();
    },
  };
}
