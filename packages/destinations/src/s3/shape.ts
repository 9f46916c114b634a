// What the S3 destination takes: Amazon S3 and every server that speaks its API.
import type { DestinationShape } from '@sluice/destination-kit';
import { partsAction } from '../object-store/parts-action.ts';

export const s3Shape: DestinationShape = {
  name: 'Amazon S3 and compatible stores',
  slug: 's3',
  description: 'Writes the changes of each sync as objects: newline-delimited JSON, CSV or Parquet.',
  authentication: {
    scheme: 'custom',
    testAuthentication: true,
    fields: {
      bucket: { label: 'Bucket', description: 'An existing bucket.', type: 'string', required: true },
      region: { label: 'Region', description: 'Of the bucket.', type: 'string', default: 'us-east-1' },
      endpoint: {
        label: 'Endpoint',
        description: 'URL of a compatible server, for example https://minio.example:9000. Default: Amazon S3.',
        type: 'string',
      },
      path_style: {
        label: 'Path style',
        description:
          'The bucket is the first part of the path, not of the host name. Default: yes where there is an endpoint.',
        type: 'boolean',
      },
      access_key_id: {
        label: 'Access key id',
        description:
          "Without keys, those of the environment, of the profile or of the machine's role are used, as the AWS SDK finds them. The keys need s3:PutObject, and s3:AbortMultipartUpload for large rows.",
        type: 'string',
      },
      secret_access_key: { label: 'Secret access key', description: 'Belongs to the key id.', type: 'password' },
      session_token: { label: 'Session token', description: 'Of temporary keys.', type: 'password' },
      encryption: {
        label: 'Server-side encryption',
        description: "bucket: as the bucket's own default says.",
        type: 'string',
        choices: [
          { label: "The bucket's default", value: 'bucket' },
          { label: 'SSE-S3', value: 'AES256' },
          { label: 'SSE-KMS', value: 'aws:kms' },
        ],
        default: 'bucket',
      },
      kms_key_id: {
        label: 'KMS key',
        description: "Id or ARN, with aws:kms. Default: the account's own key for S3.",
        type: 'string',
      },
    },
  },
  actions: { write: partsAction },
};
