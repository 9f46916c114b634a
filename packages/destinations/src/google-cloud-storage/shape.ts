// What the Cloud Storage destination takes.
import type { DestinationShape } from '@sluice/destination-kit';
import { partsAction } from '../object-store/parts-action.ts';

export const cloudStorageShape: DestinationShape = {
  name: 'Google Cloud Storage',
  slug: 'google-cloud-storage',
  description: 'Writes the changes of each sync as objects: newline-delimited JSON, CSV or Parquet.',
  authentication: {
    scheme: 'custom',
    testAuthentication: true,
    fields: {
      bucket: { label: 'Bucket', description: 'An existing bucket.', type: 'string', required: true },
      credentials: {
        label: 'Service account key',
        description:
          'The JSON key of a service account with the role Storage Object Creator on the bucket. Default: the credentials of the environment, as the Google client finds them.',
        type: 'password',
      },
      endpoint: {
        label: 'Endpoint',
        description: 'URL of another server with the same API. Default: https://storage.googleapis.com.',
        type: 'string',
      },
      kms_key_name: {
        label: 'KMS key',
        description:
          "projects/…/locations/…/keyRings/…/cryptoKeys/…: what objects are encrypted with. Default: the bucket's own.",
        type: 'string',
      },
    },
  },
  actions: { write: partsAction },
};
