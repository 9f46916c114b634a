// What the definitions of the catalogue do not say themselves, per type: found by reading
// them and in the vendors' documentation.
import type { Capabilities, DestinationDefinition, RateLimit } from '@sluice/destination-kit';
import { readRowAnswers } from './read-row-answers.ts';
import { signBody } from './sign-body.ts';
import { withFeature } from './with-feature.ts';

export type Details = {
  readonly description?: string;
  /** Environment variables with secrets of the user's own application at the vendor. */
  readonly environment?: readonly string[];
  /** Settings that are not offered, with what makes them unusable. */
  readonly withoutSettings?: { readonly names: readonly string[]; readonly reason: string };
  /** Action → fields that a mapping must have although the definition leaves them open. */
  readonly requiredFields?: Readonly<Record<string, readonly string[]>>;
  /** Action → what it promises; `*` for all. */
  readonly capabilities?: Readonly<Record<string, Partial<Capabilities>>>;
  readonly rateLimit?: RateLimit;
  /** What it sends with, where that is not our HTTP client: such a request cannot be shown before it is sent. */
  readonly ownClient?: string;
  /** Mends a fault of the definition. */
  readonly mend?: (definition: DestinationDefinition) => DestinationDefinition;
};

const accepted = { '*': { success: 'accepted' } } as const;

export const details: Readonly<Record<string, Details>> = {
  'actions-webhook': {
    description:
      'Sends rows as JSON over HTTP. One request per row with the row as the body, or, with enable_batching: true or a batch_size, one request per batch with an array of rows. With a shared secret, X-Signature is the hex HMAC-SHA1 of the exact body.',
    // The catalogue's default for it is made for event streams; without one the webhook would send nothing.
    requiredFields: { send: ['data'] },
    mend: signBody,
  },
  'actions-acoustic': { ownClient: '@aws-sdk/client-s3' },
  'actions-kafka': { ownClient: 'kafkajs' },
  'actions-taguchi': { mend: readRowAnswers },
  'actions-webhook-audiences': { mend: signBody },
  'actions-webhook-extensible': { mend: signBody },
  'actions-salesforce': {
    withoutSettings: {
      names: ['username', 'auth_password', 'security_token'],
      reason: 'the login by password sends through an HTTP client that can wait for ever; OAuth does not need it',
    },
    // Bulk jobs are created, filled and closed; their results are never read.
    capabilities: accepted,
  },
  // Profiles are imported by jobs: https://developers.klaviyo.com/en/reference/bulk_import_profiles
  'actions-klaviyo': { capabilities: { upsertProfile: { success: 'accepted' } } },
  // "PUT /marketing/contacts" queues a job: https://www.twilio.com/docs/sendgrid/api-reference/contacts/add-or-update-a-contact
  'actions-sendgrid': { capabilities: { updateUserProfile: { success: 'accepted' } } },
  'actions-google-enhanced-conversions': { environment: ['ADWORDS_DEVELOPER_TOKEN'] },
  'actions-ms-bing-ads-audiences': { environment: ['ACTIONS_MS_BING_ADS_AUDIENCES_DEVELOPER_TOKEN'] },
  'actions-linkedin-conversions': {
    environment: ['ACTIONS_LINKEDIN_CONVERSIONS_CLIENT_ID', 'ACTIONS_LINKEDIN_CONVERSIONS_CLIENT_SECRET'],
  },
  'actions-amazon-amc': { environment: ['ACTIONS_AMAZON_AMC_CLIENT_ID', 'ACTIONS_AMAZON_AMC_CLIENT_SECRET'] },
  'actions-amazon-conversions-api': {
    environment: ['ACTIONS_AMAZON_CONVERSIONS_API_CLIENT_ID', 'ACTIONS_AMAZON_CONVERSIONS_API_CLIENT_SECRET'],
  },
  'actions-first-party-dv360': {
    environment: ['ACTIONS_FIRST_PARTY_DV360_CLIENT_ID', 'ACTIONS_FIRST_PARTY_DV360_CLIENT_SECRET'],
  },
  // Otherwise a batch with one bad event is refused whole, after its good events were taken in.
  'actions-mixpanel': { mend: withFeature('mixpanel-multistatus') },
  // Private applications, https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines
  'actions-hubspot-cloud': { rateLimit: { requestsPerSecond: 10, burst: 100 } },
  // Writes per user and minute, https://developers.google.com/workspace/sheets/api/limits
  'actions-google-sheets': { rateLimit: { requestsPerSecond: 1, burst: 60 } },
};
